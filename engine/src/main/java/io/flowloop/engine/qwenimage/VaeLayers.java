package io.flowloop.engine.qwenimage;

import static io.flowloop.engine.qwenimage.VaeConfig.IMAGE_CHANNELS;

import java.util.ArrayList;
import java.util.List;

/** The layers of the VAE in the order in which features go through them. */
final class VaeLayers {

  private VaeLayers() {}

  /** From images (k, 3, H, W) to the moments (k, 2·C, h, w) of latents: means, log-variances. */
  static List<VaeLayer> encoder(VaeConfig config) {
    long moments = 2L * config.zDim();
    int last = config.dimMult().size() - 1;
    List<VaeLayer> layers = new ArrayList<>();
    layers.add(VaeLayer.convolution("encoder.conv_in", IMAGE_CHANNELS, config.baseDim(), 3));
    addDown(layers, config);
    addMiddle(layers, "encoder", config.width(last));
    layers.add(VaeLayer.head("encoder", config.width(last), moments));
    layers.add(VaeLayer.convolution("quant_conv", moments, moments, 1));
    return layers;
  }

  /** Layers of all resolutions are counted through. */
  private static void addDown(List<VaeLayer> layers, VaeConfig config) {
    int before = layers.size();
    long width = config.baseDim();
    double scale = 1;
    for (int resolution = 0; resolution < config.dimMult().size(); resolution++) {
      for (int block = 0; block < config.numResBlocks(); block++) {
        long out = config.width(resolution);
        layers.add(VaeLayer.residual(down(layers.size() - before), width, out));
        if (config.attnScales().contains(scale)) {
          layers.add(VaeLayer.attention(down(layers.size() - before), out));
        }
        width = out;
      }
      if (resolution < config.temporalDownsample().size()) {
        boolean temporal = config.temporalDownsample().get(resolution);
        layers.add(VaeLayer.downsample(down(layers.size() - before), width, temporal));
        scale /= 2;
      }
    }
  }

  private static String down(int index) {
    return "encoder.down_blocks." + index;
  }

  /** From latents (k, C, h, w) to images (k, 3, H, W). */
  static List<VaeLayer> decoder(VaeConfig config) {
    int zDim = config.zDim();
    int last = config.dimMult().size() - 1;
    List<VaeLayer> layers = new ArrayList<>();
    layers.add(VaeLayer.convolution("post_quant_conv", zDim, zDim, 1));
    layers.add(VaeLayer.convolution("decoder.conv_in", zDim, config.width(last), 3));
    addMiddle(layers, "decoder", config.width(last));
    long width = config.width(last);
    for (int resolution = last; resolution >= 0; resolution--) {
      String name = "decoder.up_blocks." + (last - resolution);
      long out = config.width(resolution);
      for (int block = 0; block <= config.numResBlocks(); block++) {
        layers.add(VaeLayer.residual(name + ".resnets." + block, width, out));
        width = out;
      }
      if (resolution > 0) {
        boolean temporal = config.temporalDownsample().get(resolution - 1);
        layers.add(VaeLayer.upsample(name + ".upsamplers.0", width, temporal));
        width /= 2;
      }
    }
    layers.add(VaeLayer.head("decoder", width, IMAGE_CHANNELS));
    return layers;
  }

  private static void addMiddle(List<VaeLayer> layers, String part, long width) {
    layers.add(VaeLayer.residual(part + ".mid_block.resnets.0", width, width));
    layers.add(VaeLayer.attention(part + ".mid_block.attentions.0", width));
    layers.add(VaeLayer.residual(part + ".mid_block.resnets.1", width, width));
  }
}
