"""Trains the study's classifier with Keras, as a user would write it: `Sequential`, `compile`, `fit`.

python keras_fit.py --cell gru --epochs 10 --data FOLDER
"""

import argparse
import os
import sys
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", required=True, help="folder of encoded reviews, written by `study bench-peers`")
parser.add_argument("--cell", choices=["rnn", "lstm", "gru"], default="gru")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--threads", type=int, help="threads to compute with; TensorFlow's choice unless given")
parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
parser.add_argument("--jit", action="store_true", help="compile with jit_compile=True")
parser.add_argument("--vocabulary", type=int, default=30_000)
parser.add_argument("--embedding", type=int, default=128)
parser.add_argument("--hidden", type=int, default=64)
parser.add_argument("--length", type=int, default=400, help="tokens that reviews are padded or cut to")
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--evaluation-batch", type=int, default=250)
parser.add_argument("--limit", type=int, help="use the first so many reviews of each split")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--chunks", action="store_true", help="work in chunks, at a prompt; see chunks.py")


class Clock:
    """When the first batch of a `fit` or `predict` began and the last one ended, without what comes before and after."""

    def callback(self):
        import keras

        clock = self

        class Callback(keras.callbacks.Callback):
            def on_train_batch_begin(self, batch, logs=None):
                clock.begin(batch)

            def on_train_batch_end(self, batch, logs=None):
                clock.end = time.perf_counter()

            on_predict_batch_begin = on_train_batch_begin
            on_predict_batch_end = on_train_batch_end

        return Callback()

    def begin(self, batch):
        if batch == 0:
            self.start = time.perf_counter()

    @property
    def seconds(self):
        return self.end - self.start


def printer():
    """What prints a line an epoch, with its seconds, validation included."""
    import keras

    class Printer(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            loss, validation_loss, accuracy = (logs[name] for name in ("loss", "val_loss", "val_accuracy"))
            seconds = time.perf_counter() - self.start
            print(f"epoch {epoch + 1}: loss {loss:.4f}, validation loss {validation_loss:.4f}, accuracy {accuracy:.4f}, {seconds:.1f} s")

    return Printer()


def main():
    options = parser.parse_args()
    if options.chunks:
        import chunks

        answers = chunks.take_stdout()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    import reviews

    if options.device == "cuda" and not tf.config.list_physical_devices("GPU"):
        sys.exit("there is no CUDA device that TensorFlow can use")
    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    keras.utils.set_random_seed(options.seed)

    def split(name):
        sequences, labels = reviews.load(options.data, name, options.limit)
        # Keras' defaults: padded and cut in front.
        return keras.utils.pad_sequences(sequences, maxlen=options.length), labels

    recurrent = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[options.cell]
    model = keras.Sequential(
        [
            keras.Input((options.length,), dtype="int32"),
            keras.layers.Embedding(options.vocabulary, options.embedding),
            keras.layers.Dropout(0.2),
            recurrent(options.hidden, return_sequences=True),
            recurrent(options.hidden),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    # Without `--jit`, Keras' own choice stands.
    jit = {"jit_compile": True} if options.jit else {}
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy", metrics=["accuracy"], **jit)

    x_train, y_train = split("train")
    x_validation, y_validation = split("validation")

    if options.chunks:
        clock, train, validation = Clock(), chunks.Cursor(len(x_train)), chunks.Cursor(len(x_validation))
        callback = clock.callback()

        def train_chunk(steps):
            rows = train.take(steps * options.batch)
            history = model.fit(
                x_train[rows], y_train[rows], batch_size=options.batch, shuffle=False, verbose=0, callbacks=[callback]
            )
            return {"seconds": clock.seconds, "loss": float(history.history["loss"][-1])}

        def predict_chunk(count):
            rows = validation.take(count)
            model.predict(x_validation[rows], batch_size=options.evaluation_batch, verbose=0, callbacks=[callback])
            return {"seconds": clock.seconds}

        versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
        chunks.serve(answers, versions, train_chunk, predict_chunk)
        return

    x_test, y_test = split("test")
    model.fit(
        x_train,
        y_train,
        batch_size=options.batch,
        epochs=options.epochs,
        validation_data=(x_validation, y_validation),
        validation_batch_size=options.evaluation_batch,
        verbose=0,
        callbacks=[printer()],
    )
    loss, accuracy = model.evaluate(x_test, y_test, batch_size=options.evaluation_batch, verbose=0)
    print(f"test loss {loss:.4f}, accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
