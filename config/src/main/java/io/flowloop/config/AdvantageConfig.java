package io.flowloop.config;

/**
 * How rewards become advantages.
 *
 * @param scale what they are divided by; not used by {@link RewardAggregation#GDPO}
 * @param clamp their largest absolute value
 * @param aggregation what becomes of several rewards
 */
public record AdvantageConfig(AdvantageScale scale, double clamp, RewardAggregation aggregation) {}
