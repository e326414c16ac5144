"""Keras' Adam with its bias corrections in float64, to show what computing them in float32 does."""

import keras
import tensorflow as tf


class ExactAdam(keras.optimizers.Adam):
    """The update of keras/src/optimizers/adam.py but for one line: there `1 - beta_2 ** step` is a difference of float32 numbers
    close to 1, which makes the first step 6e-6 of itself too short."""

    def update_step(self, gradient, variable, learning_rate):
        # `tf.cast` would make a Python number float32 first.
        beta_1, beta_2 = tf.constant(self.beta_1, tf.float64), tf.constant(self.beta_2, tf.float64)
        step, rate = tf.cast(self.iterations + 1, tf.float64), tf.cast(learning_rate, tf.float64)
        alpha = tf.cast(rate * tf.sqrt(1 - beta_2**step) / (1 - beta_1**step), variable.dtype)
        place = self._get_variable_index(variable)
        first, second = self._momentums[place], self._velocities[place]
        # A gradient of the embedding may be sparse, which Keras' own operations and assignments know how to take.
        news = keras.ops.multiply(keras.ops.subtract(gradient, first), 1 - self.beta_1)
        self.assign_add(first, news)
        news = keras.ops.multiply(keras.ops.subtract(keras.ops.square(gradient), second), 1 - self.beta_2)
        self.assign_add(second, news)
        divisor = keras.ops.add(keras.ops.sqrt(second), self.epsilon)
        self.assign_sub(variable, keras.ops.divide(keras.ops.multiply(first, alpha), divisor))
