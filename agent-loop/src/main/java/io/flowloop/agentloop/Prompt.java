package io.flowloop.agentloop;

/**
 * One line of a prompt file.
 *
 * @param index its place in the file, 0-based, comments not counted
 * @param text what to draw
 */
public record Prompt(int index, String text) {}
