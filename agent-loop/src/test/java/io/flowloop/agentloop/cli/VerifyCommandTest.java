package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.TinyQwenFolder;
import io.flowloop.engine.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VerifyCommandTest {

  @TempDir private Path temp = Path.of("");

  @Test
  void verify_goldenFolder_passesEveryStage() {
    Run run = Run.of("verify", TinyQwenFolder.PATH.toString(), "model.device=cpu");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains(
            "text.0.input_ids",
            "text.2.prompt_embeds",
            "transformer.velocity",
            "sigmas.steps50.len4096",
            "pipeline.nocfg.latents_out",
            "pipeline.cfg4.image",
            "vae.decoded",
            "vae.encoded_mean",
            "grad.transformer_blocks.0.attn.to_q.weight")
        .containsPattern("\n(\\d+) of \\1 stages are within 1.0E-4\n")
        .doesNotContain("FAILS", "not compared");
  }

  @Test
  void verify_referenceWithNamesOfNoStage_saysSo() throws IOException {
    Path folder = TinyQwenFolder.copy(temp.resolve("model"));
    new SafetensorsWriter()
        .metadata("prompts", "[]")
        .floats("vae.latents", List.of(1L, 4L, 1L, 16L, 16L), new float[1024])
        .floats("vae.decoded", List.of(1L, 3L, 1L, 64L, 64L), new float[3 * 64 * 64])
        .floats("notes", List.of(1L), new float[1])
        .write(folder.resolve("golden.safetensors"));

    Run run = Run.of("verify", folder.toString(), "model.device=cpu");

    assertThat(run.out()).contains("vae.decoded", "\nnot compared: notes\n\n0 of 1 stages");
  }

  @Test
  void verify_referenceOfNoStage_isRefused() throws IOException {
    Path folder = TinyQwenFolder.copy(temp.resolve("model"));
    new SafetensorsWriter()
        .metadata("prompts", "[]")
        .floats("pipeline.nocfg.image", List.of(1L, 3L, 64L, 64L), new float[3 * 64 * 64])
        .write(folder.resolve("golden.safetensors"));

    Run run = Run.of("verify", folder.toString(), "model.device=cpu");

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err())
        .contains("golden.safetensors: nothing to compare (expected: tensors such");
  }

  @Test
  void verify_narrowTolerance_failsTheStagesBeyondIt() {
    Run run =
        Run.of("verify", TinyQwenFolder.PATH.toString(), "--tolerance=1e-12", "model.device=cpu");

    assertThat(run.exitCode()).isEqualTo(Failures.FAILED);
    assertThat(run.out())
        .containsPattern("transformer.velocity +\\S+ +FAILS")
        .containsPattern("text.0.input_ids +0.0e\\+00 +ok");
  }

  @Test
  void verify_folderWithoutTheReference_saysWhatIsMissing() throws IOException {
    Path empty = Files.createDirectory(temp.resolve("model"));

    Run run = Run.of("verify", empty.toString());

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err())
        .contains(empty.resolve("golden.safetensors") + ": missing (expected: what the reference");
  }

  @Test
  void verify_brokenFolder_tellsAllThatIsWrong() throws IOException {
    Path folder = TinyQwenFolder.copy(temp.resolve("model"));
    Files.delete(folder.resolve("vae/config.json"));
    Files.writeString(folder.resolve("scheduler/scheduler_config.json"), "{}");

    Run run = Run.of("verify", folder.toString());

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err())
        .contains(
            "2 problems in " + folder,
            "vae/config.json: missing",
            "scheduler/scheduler_config.json _class_name: not set (expected:"
                + " FlowMatchEulerDiscreteScheduler)");
  }

  @Test
  void verify_withAnAdapter_isRefused() {
    Run run =
        Run.of("verify", TinyQwenFolder.PATH.toString(), "model.adapter=\"%s\"".formatted(temp));

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err()).contains("(expected: null, as the reference's numbers are the model's");
  }

  @Test
  void verify_noFolder_isRefused() {
    Run run = Run.of("verify", temp.resolve("absent").toString());

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err()).contains("absent: not a folder");
  }
}
