package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.SafetensorsDtype;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class QwenImageFolderTest {

  private static final String FILE = "diffusion_pytorch_model.safetensors";

  @TempDir private Path folder;

  private final RandomQwenImage model = RandomQwenImage.create();

  /** The lines of the one error that opening the folder ends with, but for the first. */
  private List<String> problems() {
    EngineException error =
        catchThrowableOfType(EngineException.class, () -> QwenImageFolder.open(folder).close());
    List<String> lines = String.valueOf(error.getMessage()).lines().toList();
    int count = lines.size() - 1;
    assertThat(lines.getFirst())
        .isEqualTo("%d problem%s in %s".formatted(count, count == 1 ? "" : "s", folder));
    return lines.stream().skip(1).map(String::strip).toList();
  }

  @ParameterizedTest
  @CsvSource({"F32, 1, false", "F32, 3, true", "BF16, 2, false", "F16, 1, true"})
  void open_everyForm_isRead(SafetensorsDtype dtype, int shards, boolean newer) throws IOException {
    model.dtype = dtype;
    model.shards = shards;
    if (newer) {
      model.newerText();
    }

    try (QwenImageFolder open = QwenImageFolder.open(model.write(folder))) {
      assertThat(open.transformer())
          .isEqualTo(new TransformerConfig(3, 2, 20, 24, 12, List.of(4, 8, 8)));
      assertThat(open.vae().zDim()).isEqualTo(3);
      assertThat(open.text()).isEqualTo(new TextEncoderConfig(450, 24, 2, 3, 1, 20, 1e4, 1e-6));
      assertThat(open.scheduler().bySize()).isPresent();
      assertThat(open.tokenizer().ids("")).hasSizeGreaterThan(QwenTokenizer.TEMPLATE_TOKENS);
    }
  }

  @Test
  void fingerprint_sameWeightsInOtherFiles_isTheSame() throws IOException {
    long single = fingerprint(folder.resolve("single"));
    model.shards = 3;
    long sharded = fingerprint(folder.resolve("sharded"));
    model.dtype = SafetensorsDtype.BF16;

    assertThat(sharded).isEqualTo(single);
    assertThat(fingerprint(folder.resolve("other"))).isNotEqualTo(single);
  }

  @Test
  void origin_ofTheFolderAsItWas_isTheSame() throws IOException {
    Object before = origin(folder);
    Object again = origin(folder.resolve("transformer", ".."));
    Object elsewhere = origin(folder.resolve("copy"));
    model.dtype = SafetensorsDtype.BF16;

    assertThat(again).isEqualTo(before);
    assertThat(elsewhere).isNotEqualTo(before);
    assertThat(origin(folder)).isNotEqualTo(before);
  }

  private Object origin(Path path) throws IOException {
    try (QwenImageFolder open = QwenImageFolder.open(model.write(path))) {
      return open.origin();
    }
  }

  private long fingerprint(Path path) throws IOException {
    try (QwenImageFolder open = QwenImageFolder.open(model.write(path))) {
      return open.fingerprint();
    }
  }

  @Test
  void open_noFolder_saysWhatIsThere() throws IOException {
    Path file = Files.createFile(folder.resolve("file"));

    assertThatThrownBy(() -> QwenImageFolder.open(file))
        .isInstanceOf(EngineException.class)
        .hasMessage(
            "model folder: %s is a file (expected: a folder with model_index.json, as Hugging Face"
                    .formatted(file)
                + " publishes it); check model.path");
    assertThatThrownBy(() -> QwenImageFolder.open(folder.resolve("absent")))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("absent does not exist (expected: a folder with model_index.json");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void close_soundOrBrokenFolder_leavesNoFileInMemory() throws IOException {
    model.shards = 2;
    try (QwenImageFolder _ = QwenImageFolder.open(model.write(folder))) {
      assertThat(mapped()).hasSize(6);
    }
    assertThat(mapped()).isEmpty();
    Files.delete(folder.resolve("vae", "config.json"));

    assertThat(problems()).containsExactly("vae/config.json: missing (expected: a JSON file)");
    assertThat(mapped()).isEmpty();
  }

  /** The lines of the folder among those of this process's memory. */
  private List<String> mapped() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .filter(line -> line.contains(folder.toString()))
        .toList();
  }

  @Test
  void open_emptyFolder_namesEveryFile() {
    assertThat(problems())
        .containsExactly(
            "model_index.json: missing (expected: a JSON file)",
            "scheduler/scheduler_config.json: missing (expected: a JSON file)",
            "transformer/config.json: missing (expected: a JSON file)",
            "vae/config.json: missing (expected: a JSON file)",
            "text_encoder/config.json: missing (expected: a JSON file)",
            "tokenizer/tokenizer.json: missing (expected: it, or vocab.json and merges.txt)",
            "transformer/" + missing(FILE),
            "vae/" + missing(FILE),
            "text_encoder/" + missing("model.safetensors"));
  }

  private static String missing(String file) {
    return "%s: missing (expected: it, or %s.index.json with the files that it names)"
        .formatted(file, file);
  }

  @Test
  void open_otherClasses_namesThoseThatAreExpected() throws IOException {
    model.set("model_index.json", "_class_name", "'QwenImageEditPipeline'");
    model.set("scheduler/scheduler_config.json", "_class_name", "'DDIMScheduler'");
    model.set("transformer/config.json", "_class_name", "'FluxTransformer2DModel'");
    model.set("vae/config.json", "_class_name", "'AutoencoderKLWan'");
    model.set("text_encoder/config.json", "model_type", "'qwen2_vl'");
    model.write(folder);

    assertThat(problems())
        .containsExactly(
            "model_index.json _class_name: \"QwenImageEditPipeline\" (expected: QwenImagePipeline)",
            "scheduler/scheduler_config.json _class_name: \"DDIMScheduler\" (expected:"
                + " FlowMatchEulerDiscreteScheduler)",
            "transformer/config.json _class_name: \"FluxTransformer2DModel\" (expected:"
                + " QwenImageTransformer2DModel)",
            "vae/config.json _class_name: \"AutoencoderKLWan\" (expected: AutoencoderKLQwenImage)",
            "text_encoder/config.json model_type: \"qwen2_vl\" (expected: qwen2_5_vl)");
  }

  @Test
  void open_wrongTensorsEverywhere_findsAllWithShapes() throws IOException {
    model.shards = 2;
    model.tensors("transformer").put("transformer_blocks.2.attn.to_k.weight", List.of(40L, 41L));
    model.tensors("transformer").remove("img_in.bias");
    model.tensors("transformer").put("transformer_blocks.3.attn.to_k.bias", List.of(40L));
    model.tensors("vae").put("decoder.conv_in.weight", List.of(8L, 3L, 3L, 3L));
    model.tensors("vae").remove("quant_conv.bias");
    model.tensors("text_encoder").put("model.norm.weight", List.of(1L, 24L));
    model.tensors("text_encoder").remove("model.layers.1.mlp.up_proj.weight");
    model.tensors("text_encoder").put("model.layers.0.mlp.up_proj.bias", List.of(20L));
    model.write(folder);

    assertThat(problems())
        .containsExactly(
            "transformer: tensor img_in.bias is missing (expected: shape [40])",
            "transformer: tensor transformer_blocks.2.attn.to_k.weight has shape [40, 41] (expected:"
                + " [40, 40])",
            "transformer: tensor transformer_blocks.3.attn.to_k.bias of shape [40] is too many"
                + " (expected: those that config.json describes)",
            "vae: tensor quant_conv.bias is missing (expected: shape [6])",
            "vae: tensor decoder.conv_in.weight has shape [8, 3, 3, 3] (expected: [8, 3, 3, 3, 3])",
            "text_encoder: tensor layers.1.mlp.up_proj.weight is missing (expected: shape [20, 24])",
            "text_encoder: tensor norm.weight has shape [1, 24] (expected: [24])",
            "text_encoder: tensor layers.0.mlp.up_proj.bias of shape [20] is too many (expected:"
                + " those that config.json describes)");
  }

  @Test
  void open_shardsMissingTornOrOfAnotherDtype_findsEachOnce() throws IOException {
    model.shards = 3;
    model.write(folder);
    Files.delete(folder.resolve("text_encoder", "model-00002-of-00003.safetensors"));
    Path torn = folder.resolve("vae", "diffusion_pytorch_model-00001-of-00003.safetensors");
    byte[] bytes = Files.readAllBytes(torn);
    Files.write(torn, Arrays.copyOf(bytes, bytes.length - 100));
    renameDtype(folder.resolve("transformer", model.shard("diffusion_pytorch_model", 2)));

    List<String> problems = problems();

    assertThat(problems).hasSize(3);
    assertThat(problems.get(0))
        .isEqualTo(
            "transformer/diffusion_pytorch_model-00003-of-00003.safetensors is not a whole"
                + " safetensors file: dtype of tensor norm_out.linear.bias: Q32 (expected: one of"
                + " [BOOL, U8, I8, F8_E4M3, F8_E5M2, U16, I16, F16, BF16, U32, I32, F32, U64, I64,"
                + " F64])");
    assertThat(problems.get(1))
        .startsWith(
            "vae/diffusion_pytorch_model-00001-of-00003.safetensors is not a whole safetensors file:"
                + " data: ")
        .endsWith("that the header describes)");
    assertThat(problems.get(2))
        .isEqualTo(
            "text_encoder/model-00002-of-00003.safetensors: missing (expected: 9 tensors there, as"
                + " the index says)");
  }

  /** Gives the tensors of a file a dtype that nobody knows. */
  private static void renameDtype(Path file) throws IOException {
    String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
    Files.write(file, text.replace("\"F32\"", "\"Q32\"").getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void open_partsOfDifferentModels_saysWhatDoesNotFit() throws IOException {
    model.set("transformer/config.json", "in_channels", "16");
    model.set("transformer/config.json", "out_channels", "4");
    model.set("transformer/config.json", "joint_attention_dim", "32");
    model.set("text_encoder/config.json", "vocab_size", "400");
    model.tensors("transformer").put("img_in.weight", List.of(40L, 16L));
    model.tensors("transformer").put("proj_out.weight", List.of(16L, 40L));
    model.tensors("transformer").put("proj_out.bias", List.of(16L));
    model.tensors("transformer").put("txt_in.weight", List.of(40L, 32L));
    model.tensors("transformer").put("txt_norm.weight", List.of(32L));
    model.tensors("text_encoder").put("model.embed_tokens.weight", List.of(400L, 24L));
    model.write(folder);

    assertThat(problems())
        .containsExactly(
            "transformer/config.json in_channels: 16 (expected: 12, four cells of the VAE's z_dim)",
            "transformer/config.json joint_attention_dim: 32 (expected: 24, the text encoder's"
                + " hidden_size)",
            "text_encoder/config.json vocab_size: 400 (expected: more than 438, an id of the"
                + " tokenizer)");
  }

  @Test
  void open_variantsOfTheArchitecture_areRefusedWithTheSettingThatSays() throws IOException {
    model.set("transformer/config.json", "guidance_embeds", "true");
    model.set("transformer/config.json", "zero_cond_t", "true");
    model.set("transformer/config.json", "patch_size", "1");
    model.set("transformer/config.json", "out_channels", "null");
    model.set("transformer/config.json", "axes_dims_rope", "[4, 8, 7]");
    model.set("scheduler/scheduler_config.json", "num_train_timesteps", "999");
    model.set("scheduler/scheduler_config.json", "use_karras_sigmas", "true");
    model.set("scheduler/scheduler_config.json", "time_shift_type", "'linear'");
    model.set("scheduler/scheduler_config.json", "max_image_seq_len", "256");
    model.set("scheduler/scheduler_config.json", "shift_terminal", "1");
    model.set("vae/config.json", "input_channels", "4");
    model.set("text_encoder/config.json", "hidden_act", "'gelu'");
    model.set("text_encoder/config.json", "use_sliding_window", "true");
    model.set("text_encoder/config.json", "rope_scaling", "{'type': 'yarn'}");
    model.write(folder);

    assertThat(problems())
        .containsExactly(
            "scheduler/scheduler_config.json num_train_timesteps: 999 (expected: 1000)",
            "scheduler/scheduler_config.json use_karras_sigmas: true (expected: false)",
            "scheduler/scheduler_config.json time_shift_type: \"linear\" (expected: exponential)",
            "scheduler/scheduler_config.json max_image_seq_len: 256 (expected: more than"
                + " base_image_seq_len, which is 256)",
            "scheduler/scheduler_config.json shift_terminal: 1 (expected: more than 0 and less than"
                + " 1, or null)",
            "transformer/config.json patch_size: 1 (expected: 2)",
            "transformer/config.json guidance_embeds: true (expected: false: a model that draws from"
                + " a prompt alone)",
            "transformer/config.json zero_cond_t: true (expected: false: a model that draws from a"
                + " prompt alone)",
            "transformer/config.json out_channels: not set (expected: a quarter of in_channels,"
                + " which is 12)",
            "transformer/config.json axes_dims_rope: [4,8,7] (expected: three even numbers that are"
                + " attention_head_dim together, which is 20)",
            "vae/config.json input_channels: 4 (expected: 3, as images are RGB)",
            "text_encoder/config.json rope_scaling.type: \"yarn\" (expected: default or mrope)",
            "text_encoder/config.json hidden_act: \"gelu\" (expected: silu)",
            "text_encoder/config.json use_sliding_window: true (expected: false, for every token sees"
                + " all before it)");
  }

  @Test
  void open_sizesOfNoModel_areRefusedBeforeAnyTensorIsLookedFor() throws IOException {
    model.set("scheduler/scheduler_config.json", "max_image_seq_len", "1e10");
    model.set("transformer/config.json", "num_layers", "1000000000");
    model.set("transformer/config.json", "num_attention_heads", "900000");
    model.set("transformer/config.json", "joint_attention_dim", "2147483647");
    model.set("vae/config.json", "base_dim", "2147483647");
    model.set("vae/config.json", "num_res_blocks", "1000000");
    model.set("text_encoder/config.json", "num_hidden_layers", "2147483647");
    model.set("text_encoder/config.json", "vocab_size", "1e300");
    model.write(folder);

    assertThat(problems())
        .containsExactly(
            "scheduler/scheduler_config.json max_image_seq_len: 1e10 (expected: a whole number of 1"
                + " to 1000000)",
            "transformer/config.json num_attention_heads: 900000 (expected: 1000000 features or less"
                + " in all heads together)",
            "transformer/config.json num_layers: 1000000000 (expected: a whole number of 1 to 1000)",
            "transformer/config.json joint_attention_dim: 2147483647 (expected: a whole number of 1"
                + " to 1000000)",
            "vae/config.json base_dim: 2147483647 (expected: a whole number of 2 to 1000000)",
            "vae/config.json num_res_blocks: 1000000 (expected: a whole number of 1 to 100)",
            "text_encoder/config.json vocab_size: 1e300 (expected: a whole number of 1 to 1000000)",
            "text_encoder/config.json num_hidden_layers: 2147483647 (expected: a whole number of 1"
                + " to 1000)");
  }

  @Test
  void open_configOfADeeperModel_listsTheFirstOfTooManyProblems() throws IOException {
    model.set("transformer/config.json", "num_layers", "1000").write(folder);

    // 32 tensors a block.
    int missing = (1000 - 3) * 32;
    assertThatThrownBy(() -> QwenImageFolder.open(folder))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("%d problems in ".formatted(missing))
        .hasMessageEndingWith("\n  and %d more".formatted(missing - 500));
  }

  @Test
  void open_largestSizes_areCheckedAgainstTheTensors() throws IOException {
    model.set("transformer/config.json", "num_attention_heads", "50000");
    model.set("vae/config.json", "base_dim", "1000000");
    model.set("text_encoder/config.json", "vocab_size", "1000000");
    model.write(folder);

    assertThat(problems())
        .contains(
            "transformer: tensor proj_out.weight has shape [12, 40] (expected: [12, 1000000])",
            "text_encoder: tensor embed_tokens.weight has shape [450, 24] (expected: [1000000, 24])")
        .anyMatch(problem -> problem.startsWith("vae: tensor encoder.conv_in.weight has shape "));
  }

  @Test
  void open_staticShift_isThatOfEverySize() throws IOException {
    model.set("scheduler/scheduler_config.json", "use_dynamic_shifting", "false");
    model.set("scheduler/scheduler_config.json", "shift", "3.0");
    model.set("scheduler/scheduler_config.json", "shift_terminal", "null");

    try (QwenImageFolder open = QwenImageFolder.open(model.write(folder))) {
      // 3 σ / (1 + 2 σ) of 1 and 1/2.
      assertThat(open.scheduler().sigmas(2, 64)).containsExactly(1, 0.75f, 0);
      assertThat(open.scheduler().sigmas(2, 4096)).containsExactly(1, 0.75f, 0);
    }
  }

  @Test
  void open_staticShiftWithATerminal_isRefused() throws IOException {
    model.set("scheduler/scheduler_config.json", "use_dynamic_shifting", "false").write(folder);

    assertThat(problems())
        .containsExactly(
            "scheduler/scheduler_config.json shift_terminal: 0.02 (expected: null where"
                + " use_dynamic_shifting is false)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../vae.safetensors", "/vae.safetensors", "a/../../vae.safetensors"})
  void open_indexThatNamesAFileOutside_isRefused(String outside) throws IOException {
    model.write(folder);
    Files.move(folder.resolve("vae", FILE), folder.resolve("vae.safetensors"));
    Files.writeString(
        folder.resolve("vae", FILE + ".index.json"),
        "{\"weight_map\": {\"quant_conv.bias\": \"%s\"}}".formatted(outside));

    assertThat(problems())
        .containsExactly(
            "vae/%s.index.json is not a safetensors index: weight_map.quant_conv.bias: %s (expected:"
                    .formatted(FILE, outside)
                + " a file in the folder of the index)");
  }

  @Test
  void open_weightsInOtherFilesOnly_saysWhatIsThere() throws IOException {
    model.write(folder);
    Path transformer = folder.resolve("transformer");
    Files.move(
        transformer.resolve(FILE), transformer.resolve("diffusion_pytorch_model.fp16.safetensors"));
    Path text = folder.resolve("text_encoder");
    Files.delete(text.resolve("model.safetensors"));
    for (int shard = 1; shard <= 4; shard++) {
      Files.createFile(text.resolve("pytorch_model-0000%d-of-00004.bin".formatted(shard)));
    }

    assertThat(problems())
        .containsExactly(
            "transformer/%s; there is diffusion_pytorch_model.fp16.safetensors: save the model as"
                    .formatted(missing(FILE))
                + " safetensors, without a variant",
            "text_encoder/%s; there is pytorch_model-00001-of-00004.bin,"
                    .formatted(missing("model.safetensors"))
                + " pytorch_model-00002-of-00004.bin, pytorch_model-00003-of-00004.bin: save the"
                + " model as safetensors, without a variant");
  }
}
