package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.TinyQwenFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Qwen-Image through the verbs that a user has. */
class QwenImageRunTest {

  private static final Pattern SEED = Pattern.compile("\"seed\":\\s*\"?(-?\\d+)");

  @TempDir private Path temp = Path.of("");

  private Run run(String verb, String... more) throws IOException {
    Path prompts = temp.resolve("prompts.txt");
    Files.writeString(
        prompts,
        "a sign that says \"7382\"\na large red banner reading \"HELLO WORLD\" on a wall\n");
    List<String> arguments = new ArrayList<>(List.of(verb));
    arguments.addAll(TinyQwenFolder.settings());
    arguments.addAll(
        List.of(
            "data.prompts=\"%s\"".formatted(prompts),
            "data.validationPrompts=\"%s\"".formatted(prompts),
            "data.promptsPerStep=2",
            "rollout.n=2",
            "reward.functions.ocr=null",
            "reward.functions.jpegCompressibility.weight=1"));
    arguments.addAll(List.of(more));
    return Run.of(arguments.toArray(String[]::new));
  }

  @Test
  void rollout_batchedOrNot_drawsTheSameRows() throws IOException {
    Run on = run("rollout", "output.dir=" + temp.resolve("on"));
    Run off =
        run("rollout", "output.dir=" + temp.resolve("off"), "rollout.enableBatchedDiffusion=false");

    assertThat(on.exitCode()).as(on.err()).isZero();
    assertThat(off.exitCode()).as(off.err()).isZero();
    assertThat(temp.resolve("on/contact_sheet.png")).isNotEmptyFile();
    assertThat(seeds(temp.resolve("on"))).hasSize(4).isEqualTo(seeds(temp.resolve("off")));
  }

  private static List<String> seeds(Path folder) throws IOException {
    return SEED.matcher(Files.readString(folder.resolve("samples.jsonl")))
        .results()
        .map(match -> match.group(1))
        .toList();
  }

  @Test
  void train_adapters_canBeDrawnWithAfterwards() throws IOException {
    Path dir = temp.resolve("train");
    Run trained =
        run(
            "train",
            "trainer.dir=" + dir,
            "trainer.steps=2",
            "trainer.validateEvery=2",
            "trainer.saveEvery=1",
            "validation.prompts=2",
            "validation.n=1",
            "validation.numInferenceSteps=2",
            "sampler.sdeWindowSize=1",
            "sampler.sdeWindowRange=[0,3]",
            "update.miniBatch=2",
            "update.optimizer.learningRate=1e-3",
            "update.activationCheckpointing=true",
            "update.lora.rank=4",
            "update.lora.targets=[to_q,to_k,to_v,to_out.0,add_q_proj,to_add_out,img_mlp.net.2]");
    assertThat(trained.exitCode()).as(trained.err()).isZero();
    assertThat(Files.readString(dir.resolve("metrics.jsonl")))
        .contains("\"policy/fresh_ratio_error\":0.0");

    Run drawn = run("rollout", "--checkpoint=" + dir, "output.dir=" + temp.resolve("drawn"));
    assertThat(drawn.exitCode()).as(drawn.err()).isZero();
    assertThat(temp.resolve("drawn/contact_sheet.png")).isNotEmptyFile();
  }

  @Test
  void rollout_promptTooLong_saysWhere() throws IOException {
    Path prompts = temp.resolve("long.txt");
    Files.writeString(prompts, "ok\n" + "7382 ".repeat(1100) + "\n");

    Run run = run("rollout", "data.prompts=\"%s\"".formatted(prompts));

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err()).contains("1 problem in " + prompts, "long.txt:2", "tokens (expected:");
  }
}
