package io.flowloop.config;

/**
 * How a policy is judged: images of held-out prompts, drawn without noise and the same at every
 * validation.
 *
 * @param prompts how many of {@code data.validationPrompts}, spread over the file
 * @param n images of each
 * @param numInferenceSteps denoising steps
 * @param seed of their initial latents
 */
public record ValidationConfig(int prompts, int n, int numInferenceSteps, long seed) {}
