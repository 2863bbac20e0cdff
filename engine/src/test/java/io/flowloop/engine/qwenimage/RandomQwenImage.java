package io.flowloop.engine.qwenimage;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.engine.Noise;
import io.flowloop.engine.SafetensorsDtype;
import io.flowloop.engine.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.TreeMap;

/**
 * A whole folder of a Qwen-Image that nobody trained, in any geometry and in every form that there
 * is of the files. Tests change what they want, and what is wrong, before it is written.
 */
final class RandomQwenImage {

  private static final String STEM = "diffusion_pytorch_model";

  /** A file of settings, by its name within the folder. */
  final Map<String, JsonObject> settings = new TreeMap<>();

  /** The tensors of each component, by the names of the files. */
  final Map<String, SequencedMap<String, List<Long>>> tensors = new TreeMap<>();

  SafetensorsDtype dtype = SafetensorsDtype.F32;

  /** Files of a component; of several, an index tells which tensor is where. */
  int shards = 1;

  private RandomQwenImage() {}

  /** Three small blocks of heads of width 20; latents of 3 channels, cells of 2×2 pixels. */
  static RandomQwenImage create() {
    return create(
        new TransformerConfig(3, 2, 20, 24, 12, List.of(4, 8, 8)),
        new VaeConfig(
            4,
            3,
            List.of(1, 2),
            1,
            List.of(),
            List.of(true),
            new VaeConfig.LatentScale(List.of(0.1, 0.0, -0.2), List.of(1.5, 1.0, 0.5))),
        new TextEncoderConfig(450, 24, 2, 3, 1, 20, 1e4, 1e-6));
  }

  static RandomQwenImage create(
      TransformerConfig transformer, VaeConfig vae, TextEncoderConfig text) {
    RandomQwenImage model = new RandomQwenImage();
    model.settings.put("model_index.json", json("{'_class_name': 'QwenImagePipeline'}"));
    model.settings.put(
        "scheduler/scheduler_config.json",
        json(
            """
            {'_class_name': 'FlowMatchEulerDiscreteScheduler', 'base_image_seq_len': 256,
             'base_shift': 0.5, 'max_image_seq_len': 8192, 'max_shift': 0.9,
             'num_train_timesteps': 1000, 'shift': 1.0, 'shift_terminal': 0.02,
             'time_shift_type': 'exponential', 'use_dynamic_shifting': true}\
            """));
    model.settings.put("transformer/config.json", settings(transformer));
    model.settings.put("vae/config.json", settings(vae));
    model.settings.put("text_encoder/config.json", settings(text));
    model.tensors.put("transformer", QwenImageTransformer.layout(transformer));
    model.tensors.put("vae", QwenImageVae.layout(vae));
    SequencedMap<String, List<Long>> stored = new LinkedHashMap<>();
    QwenTextEncoder.layout(text).forEach((name, shape) -> stored.put("model." + name, shape));
    stored.put("visual.patch_embed.proj.weight", List.of(4L, 3L, 1L, 2L, 2L));
    stored.put("lm_head.weight", List.of((long) text.vocabulary(), (long) text.width()));
    model.tensors.put("text_encoder", stored);
    return model;
  }

  /** The other spelling of the text encoder, which newer versions of the format have. */
  RandomQwenImage newerText() {
    JsonObject flat = settings("text_encoder/config.json");
    JsonObject newer = json("{'model_type': 'qwen2_5_vl'}");
    JsonObject rope = json("{'rope_type': 'default', 'mrope_section': [1, 1, 2]}");
    rope.add("rope_theta", flat.remove("rope_theta"));
    flat.remove("rope_scaling");
    flat.add("rope_parameters", rope);
    newer.add("text_config", flat);
    settings.put("text_encoder/config.json", newer);
    SequencedMap<String, List<Long>> renamed = new LinkedHashMap<>();
    tensors("text_encoder")
        .forEach(
            (name, shape) ->
                renamed.put(
                    name.startsWith("visual.")
                        ? "model." + name
                        : name.replaceFirst("^model\\.", "model.language_model."),
                    shape));
    tensors.put("text_encoder", renamed);
    return this;
  }

  JsonObject settings(String file) {
    return Objects.requireNonNull(settings.get(file), file);
  }

  SequencedMap<String, List<Long>> tensors(String component) {
    return Objects.requireNonNull(tensors.get(component), component);
  }

  /** Changes the settings of a file: single quotes stand for double ones. */
  RandomQwenImage set(String file, String key, String json) {
    settings(file).add(key, JsonParser.parseString(json.replace('\'', '"')));
    return this;
  }

  /** Writes all of it; the folder. */
  Path write(Path folder) throws IOException {
    for (Map.Entry<String, JsonObject> file : settings.entrySet()) {
      Path path = folder.resolve(file.getKey());
      Files.createDirectories(path.resolveSibling(""));
      Files.writeString(path, file.getValue().toString());
    }
    Files.createDirectories(folder.resolve("tokenizer"));
    Files.copy(
        TinyQwenImage.folder().resolve("tokenizer", "tokenizer.json"),
        folder.resolve("tokenizer", "tokenizer.json"),
        StandardCopyOption.REPLACE_EXISTING);
    writeTensors(folder.resolve("transformer"), STEM, tensors("transformer"));
    writeTensors(folder.resolve("vae"), STEM, tensors("vae"));
    writeTensors(folder.resolve("text_encoder"), "model", tensors("text_encoder"));
    return folder;
  }

  private void writeTensors(Path component, String stem, SequencedMap<String, List<Long>> layout)
      throws IOException {
    List<SafetensorsWriter> writers = new ArrayList<>();
    for (int shard = 0; shard < shards; shard++) {
      writers.add(new SafetensorsWriter());
    }
    JsonObject places = new JsonObject();
    values(layout)
        .forEach(
            (name, values) -> {
              int shard = places.size() * shards / layout.size();
              writers.get(shard).floats(name, dtype, layout.getOrDefault(name, List.of()), values);
              places.addProperty(name, shard(stem, shard));
            });
    for (int shard = 0; shard < shards; shard++) {
      writers.get(shard).write(component.resolve(shard(stem, shard)));
    }
    if (shards > 1) {
      JsonObject whole = new JsonObject();
      whole.add("weight_map", places);
      Files.writeString(component.resolve(stem + ".safetensors.index.json"), whole.toString());
    }
  }

  /** The file of a component that holds its tensors from that shard, of 0 and more. */
  String shard(String stem, int shard) {
    return shards == 1
        ? stem + ".safetensors"
        : "%s-%05d-of-%05d.safetensors".formatted(stem, shard + 1, shards);
  }

  /** The numbers of tensors of these names and shapes. */
  static SequencedMap<String, float[]> values(SequencedMap<String, List<Long>> layout) {
    SequencedMap<String, float[]> values = new LinkedHashMap<>();
    layout.forEach((name, shape) -> values.put(name, values(name, shape, values.size())));
    return values;
  }

  /** Large enough for every part to show in what comes out. */
  private static float[] values(String name, List<Long> shape, int index) {
    int count = Math.toIntExact(shape.stream().reduce(1L, Math::multiplyExact));
    float[] values = Noise.normals(1, Noise.Use.WEIGHTS, index, count);
    boolean factor = name.matches(".*(gamma|norm[^.]*\\.weight)");
    double scale =
        shape.size() == 1 || factor ? 0.3 : 1.2 / Math.sqrt((double) count / shape.get(0));
    for (int i = 0; i < count; i++) {
      values[i] = (float) (values[i] * scale + (factor ? 1 : 0));
    }
    return values;
  }

  private static JsonObject settings(TransformerConfig config) {
    return json(
        """
        {'_class_name': 'QwenImageTransformer2DModel', 'patch_size': 2, 'in_channels': %d,
         'out_channels': %d, 'num_layers': %d, 'attention_head_dim': %d, 'num_attention_heads': %d,
         'joint_attention_dim': %d, 'guidance_embeds': false, 'axes_dims_rope': %s}\
        """
            .formatted(
                config.channels(),
                config.channels() / 4,
                config.depth(),
                config.headWidth(),
                config.heads(),
                config.textWidth(),
                config.ropeAxes()));
  }

  private static JsonObject settings(VaeConfig config) {
    return json(
        """
        {'_class_name': 'AutoencoderKLQwenImage', 'base_dim': %d, 'z_dim': %d, 'dim_mult': %s,
         'num_res_blocks': %d, 'attn_scales': %s, 'temperal_downsample': %s, 'latents_mean': %s,
         'latents_std': %s}\
        """
            .formatted(
                config.baseDim(),
                config.zDim(),
                config.dimMult(),
                config.numResBlocks(),
                config.attnScales(),
                config.temporalDownsample(),
                config.latents().mean(),
                config.latents().std()));
  }

  /** As older versions of the format have it: all at the top. */
  private static JsonObject settings(TextEncoderConfig config) {
    return json(
        """
        {'model_type': 'qwen2_5_vl', 'architectures': ['Qwen2_5_VLForConditionalGeneration'],
         'vocab_size': %d, 'hidden_size': %d, 'num_hidden_layers': %d, 'num_attention_heads': %d,
         'num_key_value_heads': %d, 'intermediate_size': %d, 'rope_theta': %s, 'rms_norm_eps': %s,
         'hidden_act': 'silu', 'use_sliding_window': false,
         'rope_scaling': {'type': 'mrope', 'mrope_section': [1, 1, 2]}}\
        """
            .formatted(
                config.vocabulary(),
                config.width(),
                config.depth(),
                config.heads(),
                config.keyValueHeads(),
                config.hidden(),
                config.ropeTheta(),
                config.epsilon()));
  }

  private static JsonObject json(String text) {
    return new Gson().fromJson(text.replace('\'', '"'), JsonObject.class);
  }
}
