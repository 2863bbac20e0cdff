package io.flowloop.agentloop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What processes log, and that nobody must read it. */
@DisabledOnOs(OS.WINDOWS)
class LogTest {

  /** What a pipe takes on Linux. */
  private static final int PIPE = 64 << 10;

  @TempDir Path temp;

  /** A process whose standard error is its own. Tests log nothing by default. */
  private Process rollout(String level, String... more) throws IOException {
    String[] args = {
      "rollout",
      Run.tinyModel(temp),
      "data.promptsPerStep=8",
      "sampler.numInferenceSteps=3",
      "sampler.sdeWindowSize=1",
      "reward.functions.ocr=null",
      "reward.functions.jpegIncompressibility.weight=1",
      "output.dir=" + temp.resolve("run-7")
    };
    String[] all = java.util.Arrays.copyOf(args, args.length + more.length);
    System.arraycopy(more, 0, all, args.length, more.length);
    return FlowLoopCommand.of(all)
        .withFlags("-Dlogback.configurationFile=src/main/resources/logback.xml")
        .withVariable("FLOWLOOP_LOG_LEVEL", level)
        .withVariable("FLOWLOOP_LOG_FORMAT", "json")
        .builder()
        .redirectErrorStream(false)
        .start();
  }

  @Test
  void rollout_json_linesSayRunAndRows() throws Exception {
    Process process = rollout("debug", "rollout.n=4");
    process.getInputStream().close();

    try (BufferedReader lines = process.errorReader(UTF_8)) {
      assertThat(lines.lines().map(line -> JsonParser.parseString(line).getAsJsonObject()))
          .filteredOn(line -> text(line, "formattedMessage").contains("draws"))
          .hasSize(8)
          .allSatisfy(
              line -> {
                assertThat(text(line, "level")).isEqualTo("DEBUG");
                JsonObject fields = line.getAsJsonObject("context").getAsJsonObject("properties");
                assertThat(text(fields, "run")).isEqualTo("run-7");
              })
          .extracting(line -> text(line.getAsJsonObject("mdc"), "request"))
          .contains("0-3", "28-31");
    }
  }

  private static String text(JsonObject object, String field) {
    return object.get(field).getAsString();
  }

  /** Fault 25. */
  @Test
  void rollout_standardErrorThatNobodyReads_goesOnAndEnds() throws Exception {
    Process process = rollout("debug", "rollout.n=32", "rollout.enableBatchedDiffusion=false");

    String out;
    try (InputStream in = process.getInputStream()) {
      out = new String(in.readAllBytes(), UTF_8);
    }

    assertThat(process.waitFor(1, TimeUnit.MINUTES)).as(out).isTrue();
    assertThat(process.exitValue()).as(out).isZero();
    assertThat(out).contains("256/256 images");
    // It was full, or nothing was tried.
    assertThat(process.getErrorStream().available()).isGreaterThan(PIPE * 9 / 10);
  }
}
