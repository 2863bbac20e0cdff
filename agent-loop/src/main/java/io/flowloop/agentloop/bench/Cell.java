package io.flowloop.agentloop.bench;

/**
 * One of the things compared with each other.
 *
 * @param rows images of each prompt, 1 or more
 * @param way what draws them
 * @param mode how they are cut into requests
 */
public record Cell(int rows, Way way, Mode mode) {}
