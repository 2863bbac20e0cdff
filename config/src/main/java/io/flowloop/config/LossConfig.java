package io.flowloop.config;

/**
 * What an update minimises.
 *
 * @param type the policy loss
 * @param clipRange how far a ratio may leave 1 before its gradient ends; not used by flowDppo
 * @param divergenceLimit the D from which flowDppo cuts a term off
 * @param beta weight of the KL divergence from the reference policy; 0 computes no reference
 */
public record LossConfig(LossType type, double clipRange, double divergenceLimit, double beta) {}
