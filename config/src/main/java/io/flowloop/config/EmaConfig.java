package io.flowloop.config;

/**
 * A running mean of the policy, which is then validated and kept in its place; rollouts draw with
 * the policy itself.
 *
 * @param decay the share of its old value that it keeps; 0 keeps no mean
 * @param every optimiser steps from one of its steps to the next
 */
public record EmaConfig(double decay, int every) {}
