package io.flowloop.config;

/**
 * AdamW.
 *
 * @param learningRate after the warm-up
 * @param warmupSteps optimiser steps over which the learning rate rises from 0
 * @param decay how the learning rate goes on from there, over {@code trainer.steps}
 * @param weightDecay decoupled, in units of the learning rate
 * @param maxGradientNorm gradients of a larger global norm are scaled down to it
 */
public record OptimizerConfig(
    double learningRate,
    int warmupSteps,
    LearningRateDecay decay,
    double weightDecay,
    double maxGradientNorm) {}
