package io.flowloop.config;

/**
 * The prompts of a run.
 *
 * @param prompts location of a {@link PromptFile}: a path, or {@code classpath:} and a resource
 * @param validationPrompts location of the held-out prompts that a policy is judged with
 * @param promptsPerStep B, the prompts drawn for one training step
 * @param shuffleSeed seed of the order in which prompts are drawn
 */
public record DataConfig(
    String prompts, String validationPrompts, int promptsPerStep, long shuffleSeed) {}
