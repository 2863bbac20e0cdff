package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PretrainCommandTest {

  @TempDir Path temp;

  private Run pretrain(StopSignal stop, String... more) {
    List<String> args = new ArrayList<>(List.of("pretrain", "pretrain.dir=" + temp.resolve("run")));
    args.addAll(
        List.of(
            "pretrain.steps=2",
            "pretrain.batchSize=2",
            "sampler.numInferenceSteps=1",
            "sampler.sdeWindowSize=null",
            "sampler.sdeWindowRange=null",
            "pretrain.sampleEvery=1"));
    args.addAll(List.of(more));
    return Run.of(stop, args.toArray(String[]::new));
  }

  private List<String> metrics() throws IOException {
    return Files.readAllLines(temp.resolve("run/metrics.jsonl"));
  }

  @Test
  void pretrain_stoppedThenAgain_goesOnToTheEnd() throws IOException {
    StopSignal stop = new StopSignal();
    stop.request();

    Run stopped = pretrain(stop);

    assertThat(stopped.exitCode()).as(stopped.err()).isZero();
    assertThat(stopped.out()).contains("0 of 2 steps done");
    assertThat(temp.resolve("run/checkpoint.safetensors")).exists();

    Run finished = pretrain(new StopSignal());

    assertThat(finished.exitCode()).as(finished.err()).isZero();
    assertThat(finished.out()).contains("goes on after step 0", "step 2/2", "loss", "2 of 2 steps");
    assertThat(temp.resolve("run/model.safetensors")).exists();
    assertThat(temp.resolve("run/samples-1.png")).exists();
    assertThat(temp.resolve("run/samples-2.png")).exists();
    assertThat(metrics()).hasSize(4);
    assertThat(metrics().getLast()).contains("\"step\":2", "ocr_reward_mean");
  }

  @Test
  void dryRun_anything_printsThePlanAndCreatesNothing() {
    Run run = pretrain(new StopSignal(), "--dry-run");

    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("2 of 2 images each, 4 images in all");
    assertThat(temp.resolve("run")).doesNotExist();
  }
}
