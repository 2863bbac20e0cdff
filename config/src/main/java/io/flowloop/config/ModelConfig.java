package io.flowloop.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * The diffusion model, its device and the size of its images.
 *
 * @param name which model
 * @param weights a safetensors file; empty for the weights that come with the model
 * @param device where the forwards run
 * @param dtype what dense layers compute with
 * @param threads CPU threads of one forward; 0 for as many as the machine has cores
 * @param imageHeight H in pixels, a multiple of the model's patch
 * @param imageWidth W in pixels, a multiple of the model's patch
 */
public record ModelConfig(
    String name,
    Optional<Path> weights,
    Device device,
    Dtype dtype,
    int threads,
    int imageHeight,
    int imageWidth) {}
