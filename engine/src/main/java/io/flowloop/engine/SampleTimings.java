package io.flowloop.engine;

import java.time.Duration;

/**
 * Where the time of the forwards that drew a sample went. The durations are those of the whole
 * sub-batch, shared by all of its samples.
 *
 * @param rowsPerForward samples that shared each forward with this one, itself included
 * @param forwards denoising forwards this sample took part in
 * @param encode text encoding of the request
 * @param denoise the denoising loop
 * @param decode decoding and copying out
 */
public record SampleTimings(
    int rowsPerForward, int forwards, Duration encode, Duration denoise, Duration decode) {}
