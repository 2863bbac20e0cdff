package io.flowloop.config;

import java.time.Duration;

/**
 * When a server that does not answer is left alone.
 *
 * @param failures images in a row that it gave nothing for
 * @param pause time until one image is tried again
 */
public record BreakerConfig(int failures, Duration pause) {}
