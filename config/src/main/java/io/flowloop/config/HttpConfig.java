package io.flowloop.config;

import java.util.OptionalInt;

/**
 * Where a run tells of its health and metrics.
 *
 * @param host the address that is listened on
 * @param port 0 takes a free one; empty: nothing is told
 */
public record HttpConfig(String host, OptionalInt port) {}
