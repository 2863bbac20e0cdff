package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.TinyQwenFolder;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
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
            "update.optimizer.learningRate=0.1",
            "update.optimizer.warmupSteps=0",
            "update.ema.decay=0",
            "update.activationCheckpointing=true",
            "update.lora.rank=4",
            "update.lora.targets=[to_q,to_k,to_v,to_out.0,add_q_proj,to_add_out,img_mlp.net.2]");
    assertThat(trained.exitCode()).as(trained.err()).isZero();
    assertThat(Files.readString(dir.resolve("metrics.jsonl")))
        .contains("\"policy/fresh_ratio_error\":0.0");

    Path last = dir.resolve("checkpoints/step-000002");
    Run drawn = run("rollout", "--checkpoint=" + last, "output.dir=" + temp.resolve("drawn"));
    assertThat(drawn.exitCode()).as(drawn.err()).isZero();
    assertThat(temp.resolve("drawn/contact_sheet.png")).isNotEmptyFile();

    Run adapted = run("rollout", "model.adapter=" + last, "output.dir=" + temp.resolve("adapted"));
    assertThat(adapted.exitCode()).as(adapted.err()).isZero();
    Run plain = run("rollout", "output.dir=" + temp.resolve("plain"));
    assertThat(plain.exitCode()).as(plain.err()).isZero();

    assertThat(temp.resolve("adapted/contact_sheet.png"))
        .hasSameBinaryContentAs(temp.resolve("drawn/contact_sheet.png"));
    assertThat(greyLevels(temp.resolve("plain"), temp.resolve("drawn"))).isGreaterThan(1);
  }

  /** Mean difference of two contact sheets. */
  private static double greyLevels(Path folder, Path other) throws IOException {
    BufferedImage image = ImageIO.read(folder.resolve("contact_sheet.png").toFile());
    BufferedImage with = ImageIO.read(other.resolve("contact_sheet.png").toFile());
    double sum = 0;
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        sum += Math.abs((image.getRGB(x, y) & 0xff) - (with.getRGB(x, y) & 0xff));
      }
    }
    return sum / (image.getHeight() * image.getWidth());
  }

  @Test
  void train_allWeightsOnTopOfAnAdapter_isRefused() throws IOException {
    Run run = run("train", "model.adapter=" + temp, "update.miniBatch=2");

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err()).contains("model.adapter: \"" + temp).contains("update.lora.rank is 0");
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
