package io.flowloop.engine;

import java.time.Duration;
import java.util.SortedMap;

/**
 * What one update measured, over all of its terms: a term is one trained denoising step of one
 * sample.
 *
 * @param optimizerSteps steps applied
 * @param skippedSteps steps left out because their gradient norm was not finite
 * @param loss mean of what was minimised, KL included
 * @param ratioMean mean of the ratios of new to old probability
 * @param ratioStd their population std
 * @param clipFraction share of terms whose gradient was cut off
 * @param clipFractionHigher of these, those above the range, as a share of all terms
 * @param clipFractionLower those below it, likewise
 * @param approxKl half the mean squared difference of new and old log-prob
 * @param klLoss mean KL divergence from the reference policy; 0 where beta is 0
 * @param gradientNorm mean global norm before clipping, of the steps applied
 * @param learningRate of the last step
 * @param freshRatioError largest |ratio − 1| before the first optimiser step; 0 unless forwards had
 *     other shapes than the rollout's
 * @param logProbDrift mean of new minus old log-prob, by denoising step
 * @param forwards policy forwards by the number of samples in each
 * @param logProbTime spent in forwards
 * @param updateTime spent in backwards and optimiser steps
 */
public record UpdateMetrics(
    int optimizerSteps,
    int skippedSteps,
    double loss,
    double ratioMean,
    double ratioStd,
    double clipFraction,
    double clipFractionHigher,
    double clipFractionLower,
    double approxKl,
    double klLoss,
    double gradientNorm,
    double learningRate,
    double freshRatioError,
    SortedMap<Integer, Double> logProbDrift,
    SortedMap<Integer, Integer> forwards,
    Duration logProbTime,
    Duration updateTime) {}
