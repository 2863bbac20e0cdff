package io.flowloop.engine;

/**
 * One drawn image with all that a trainer needs of it, in plain Java data.
 *
 * @param row the row it answers, and its seed
 * @param image the decoded picture
 * @param trajectory latents, sigmas and log-probs of the walk
 * @param promptEmbedding shared by all samples of the request
 * @param policyVersion version of the weights that drew it
 * @param timings time and size of its forwards
 */
public record Sample(
    RowSeed row,
    RgbImage image,
    Trajectory trajectory,
    PromptEmbedding promptEmbedding,
    long policyVersion,
    SampleTimings timings) {}
