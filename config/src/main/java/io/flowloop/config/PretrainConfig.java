package io.flowloop.config;

import java.nio.file.Path;

/** How the embedded model learns. */
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
