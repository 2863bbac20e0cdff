package io.flowloop.engine;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the name of a tensor says in a file of adapters, whoever wrote it.
 *
 * @param layer in the model's own words, but see {@code flat}
 * @param flat whether the layer's dots are written as underscores, so that only the model's layers
 *     can tell which of them are dots
 * @param part of the layer's adapter
 */
record LoraKey(String layer, boolean flat, Part part) {

  /** A (rank, in), B (out, rank), and the one number that is divided by the rank for the factor. */
  enum Part {
    A("lora_A"),
    B("lora_B"),
    ALPHA("alpha");

    private final String text;

    Part(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /** What peft, diffusers and ComfyUI put before the transformer's own names. */
  private static final String PREFIX =
      "(?:base_model\\.model\\.)?(?:transformer\\.|diffusion_model\\.)?";

  /** Before flat names: kohya's and musubi-tuner's, OneTrainer's, LyCORIS's. */
  private static final String FLAT = "(?<flat>(?:lora_unet|lora_transformer|lycoris)_)?";

  /** In the order of {@link Part}; a name behind lora_A is peft's name of the adapter. */
  private static final String PART =
      "(?:(?<a>lora_A(?:\\.[^.]+)?|lora_down|lora\\.down)\\.weight"
          + "|(?<b>lora_B(?:\\.[^.]+)?|lora_up|lora\\.up)\\.weight|alpha)";

  private static final Pattern KEY = Pattern.compile(PREFIX + FLAT + "(?<layer>.+?)\\." + PART);

  /** Reads a name; empty if it is that of no low-rank adapter. */
  static Optional<LoraKey> of(String name) {
    Matcher key = KEY.matcher(name);
    if (!key.matches()) {
      return Optional.empty();
    }
    Part part = key.group("a") != null ? Part.A : key.group("b") != null ? Part.B : Part.ALPHA;
    return Optional.of(new LoraKey(key.group("layer"), key.group("flat") != null, part));
  }

  /** What kind of tensor has a name that is none of these, to complete "tensors ...". */
  static String kind(String name) {
    if (name.contains("lora_magnitude_vector") || name.contains("dora_scale")) {
      return "of DoRA";
    }
    if (name.endsWith(".bias") || name.endsWith(".diff") || name.endsWith(".diff_b")) {
      return "of biases or whole differences";
    }
    if (name.contains(".lokr_") || name.contains(".hada_")) {
      return "of LoKr or LoHa";
    }
    return name.contains("lora_mid") ? "of convolutions" : "of unknown meaning";
  }
}
