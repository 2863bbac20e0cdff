package io.flowloop.engine.qwenimage;

import io.flowloop.engine.JsonSettings;
import java.util.Collections;
import java.util.List;

/**
 * The architecture of an {@code AutoencoderKLQwenImage}: {@code vae/config.json} of a model folder.
 *
 * @param baseDim channels at full resolution, before a multiplier
 * @param zDim C, channels of a latent
 * @param dimMult multipliers of the channels, one a resolution, the full one first; each resolution
 *     has half the height and width of the one before it
 * @param numResBlocks residual blocks of the encoder at a resolution; the decoder has one more
 * @param attnScales resolutions, 1 for the full one, at which the encoder's residual blocks are
 *     each followed by attention
 * @param temporalDownsample for each change of resolution, whether videos change in time too; of no
 *     use to images, but it says which tensors are there
 * @param latents the scale of latents that the transformer works with
 */
record VaeConfig(
    int baseDim,
    int zDim,
    List<Integer> dimMult,
    int numResBlocks,
    List<Double> attnScales,
    List<Boolean> temporalDownsample,
    LatentScale latents) {

  static final String CLASS_NAME = "AutoencoderKLQwenImage";

  /** R, G, B. */
  static final int IMAGE_CHANNELS = 3;

  /** With one more, a side of 2^16 pixels would be less than a cell. */
  private static final int MAX_RESOLUTIONS = 16;

  private static final int MAX_BLOCKS = 100;

  /**
   * Mean and standard deviation of each channel of the latents that the encoder gives.
   *
   * @param std each above 0
   */
  record LatentScale(List<Double> mean, List<Double> std) {

    LatentScale {
      mean = List.copyOf(mean);
      std = List.copyOf(std);
      if (mean.size() != std.size() || !areAboveZero(std)) {
        throw new IllegalArgumentException(
            "latent scale: means %s, deviations %s (expected: as many of each, deviations above 0)"
                .formatted(mean, std));
      }
    }
  }

  VaeConfig {
    dimMult = List.copyOf(dimMult);
    attnScales = List.copyOf(attnScales);
    temporalDownsample = List.copyOf(temporalDownsample);
    if (baseDim < 2
        || zDim < 1
        || numResBlocks < 1
        || numResBlocks > MAX_BLOCKS
        || dimMult.isEmpty()
        || dimMult.size() > MAX_RESOLUTIONS
        || dimMult.stream().anyMatch(multiplier -> multiplier < 1)
        || temporalDownsample.size() != dimMult.size() - 1
        || latents.mean().size() != zDim) {
      throw new IllegalArgumentException(
          "VAE: base_dim %d, z_dim %d, dim_mult %s, num_res_blocks %d, temperal_downsample %s, %d"
                  .formatted(
                      baseDim,
                      zDim,
                      dimMult,
                      numResBlocks,
                      temporalDownsample,
                      latents.mean().size())
              + " latent means (expected: a base_dim of 2 or more, 1 or more of each, at most %d"
                  .formatted(MAX_RESOLUTIONS)
              + " multipliers and %d blocks, a flag less than multipliers, a mean for each latent"
                  .formatted(MAX_BLOCKS)
              + " channel)");
    }
  }

  /** Reads {@code vae/config.json}; what is wrong with it is told to the settings' problems. */
  static VaeConfig of(JsonSettings settings) {
    if (!settings.text("_class_name", "").equals(CLASS_NAME)) {
      settings.problem("_class_name", CLASS_NAME);
    }
    if (settings.integerOr("input_channels", 1, IMAGE_CHANNELS) != IMAGE_CHANNELS) {
      settings.problem("input_channels", IMAGE_CHANNELS + ", as images are RGB");
    }
    int zDim = settings.integer("z_dim", 1);
    List<Integer> dimMult = multipliers(settings);
    return new VaeConfig(
        settings.integer("base_dim", 2),
        zDim,
        dimMult,
        settings.integer("num_res_blocks", 1, MAX_BLOCKS),
        settings.numbers("attn_scales"),
        temporalDownsample(settings, dimMult.size() - 1),
        new LatentScale(latentsMean(settings, zDim), latentsStd(settings, zDim)));
  }

  private static List<Integer> multipliers(JsonSettings settings) {
    List<Integer> multipliers = settings.integers("dim_mult", 1);
    if (multipliers.size() > MAX_RESOLUTIONS) {
      settings.problem("dim_mult", "at most %d numbers".formatted(MAX_RESOLUTIONS));
      return multipliers.subList(0, MAX_RESOLUTIONS);
    }
    return multipliers;
  }

  private static List<Boolean> temporalDownsample(JsonSettings settings, int count) {
    List<Boolean> flags = settings.flags("temperal_downsample");
    if (flags.size() != count) {
      settings.problem("temperal_downsample", "%d flags, one less than dim_mult".formatted(count));
      return Collections.nCopies(count, false);
    }
    return flags;
  }

  private static List<Double> latentsMean(JsonSettings settings, int zDim) {
    List<Double> mean = settings.numbers("latents_mean");
    if (mean.size() != zDim) {
      settings.problem("latents_mean", "%d numbers, as many as z_dim".formatted(zDim));
      return Collections.nCopies(zDim, 0.0);
    }
    return mean;
  }

  private static List<Double> latentsStd(JsonSettings settings, int zDim) {
    List<Double> std = settings.numbers("latents_std");
    if (std.size() != zDim || !areAboveZero(std)) {
      settings.problem("latents_std", "%d numbers above 0, as many as z_dim".formatted(zDim));
      return Collections.nCopies(zDim, 1.0);
    }
    return std;
  }

  private static boolean areAboveZero(List<Double> numbers) {
    return numbers.stream().allMatch(number -> number > 0);
  }

  /** Pixels of an image's side for each cell of a latent's. */
  int scaleFactor() {
    return 1 << (dimMult.size() - 1);
  }

  /** Channels at a resolution, 0 for the full one. */
  long width(int resolution) {
    return (long) baseDim * dimMult.get(resolution);
  }
}
