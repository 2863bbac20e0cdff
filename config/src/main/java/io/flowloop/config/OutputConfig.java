package io.flowloop.config;

import java.nio.file.Path;

/**
 * Where a run writes its results.
 *
 * @param dir made when missing
 */
public record OutputConfig(Path dir) {}
