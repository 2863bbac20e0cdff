package io.flowloop.config;

import java.util.OptionalInt;

/**
 * How a policy learns from a rollout batch.
 *
 * @param loss what is minimised
 * @param optimizer with what steps
 * @param epochs times that each sample is learned from
 * @param miniBatch samples of one optimiser step
 * @param microBatch samples of one forward and backward; empty for those that shared a forward of
 *     the rollout, with which ratios of fresh data are exactly 1
 * @param activationCheckpointing whether blocks are computed again in backward instead of kept
 * @param lora what is trained
 * @param ema the running mean that is kept
 */
public record UpdateConfig(
    LossConfig loss,
    OptimizerConfig optimizer,
    int epochs,
    int miniBatch,
    OptionalInt microBatch,
    boolean activationCheckpointing,
    LoraConfig lora,
    EmaConfig ema) {}
