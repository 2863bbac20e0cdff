package io.flowloop.config;

import java.nio.file.Path;

/**
 * How the embedded model is trained from nothing, by AdamW on the flow-matching loss.
 *
 * @param steps optimiser steps
 * @param batchSize rendered images of one step
 * @param learningRate at the end of the warm-up; decays from there
 * @param warmupSteps steps over which the learning rate rises from 0
 * @param weightDecay of AdamW
 * @param emaDecay share of the old value that the averaged weights keep at each step, in [0, 1)
 * @param promptDropout share of the prompts replaced by the empty one, in [0, 1)
 * @param seed of initial weights, images and noise
 * @param sampleEvery steps between two pictures of samples
 * @param saveEvery steps between two checkpoints
 * @param dir checkpoints and pictures
 */
public record PretrainConfig(
    int steps,
    int batchSize,
    double learningRate,
    int warmupSteps,
    double weightDecay,
    double emaDecay,
    double promptDropout,
    long seed,
    int sampleEvery,
    int saveEvery,
    Path dir) {}
