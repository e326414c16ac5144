"""Does with the Python package `tokenizers` what `study data` does with the corpus: reads it, finds the vocabulary of the training
reviews, encodes every review. Prints a line of JSON.

python tokenizers_encode.py --corpus reviews.json --tokenizer tokenizer.json --rows train-rows.npy
"""

import argparse
import json
import os
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--corpus", required=True, help="the corpus, an array of objects with a text `t`")
parser.add_argument("--tokenizer", required=True, help="whose normalizer and pre-tokenizer to use")
parser.add_argument("--rows", required=True, help="positions of the training reviews in the corpus")
parser.add_argument("--vocabulary", type=int, default=30_000)
parser.add_argument("--threads", type=int, default=2)


def main():
    start = time.perf_counter()
    options = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = str(options.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    import numpy as np
    import tokenizers

    with open(options.corpus, encoding="utf-8") as file:
        texts = [review["t"] for review in json.load(file)]
    rule = tokenizers.Tokenizer.from_file(options.tokenizer)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = rule.normalizer, rule.pre_tokenizer
    trainer = tokenizers.trainers.WordLevelTrainer(
        vocab_size=options.vocabulary, special_tokens=["[PAD]", "[UNK]"], show_progress=False
    )
    read = time.perf_counter()
    tokenizer.train_from_iterator([texts[row] for row in np.load(options.rows)], trainer)
    trained = time.perf_counter()
    encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    tokens = sum(len(encoding.ids) for encoding in encoded)
    end = time.perf_counter()
    print(
        json.dumps(
            {
                "version": tokenizers.__version__,
                "tokens": tokens,
                "vocabulary": tokenizer.get_vocab_size(),
                "read_seconds": read - start,
                "train_seconds": trained - read,
                "encode_seconds": end - trained,
            }
        )
    )


if __name__ == "__main__":
    main()
