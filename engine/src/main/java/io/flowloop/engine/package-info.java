/**
 * The numbers: from a prompt and its seeds to images, trajectories and log-probs.
 *
 * <p>Plain blocking Java over DJL's PyTorch engine. Only plain Java data leaves this package: no
 * tensor does. Shapes are written in these letters, dtype float32 unless said:
 *
 * <pre>
 * B prompts        n samples a prompt     N = B·n rows        k rows of a request
 * T denoising steps   W steps of the SDE window
 * C, h, w latent channels, height, width  H, W pixels (where no window is near)
 * S image tokens   L text tokens          D embedding width
 * </pre>
 */
@NullMarked
package io.flowloop.engine;

import org.jspecify.annotations.NullMarked;
