package io.flowloop.agentloop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.agentloop.RewardStats;
import io.flowloop.agentloop.RolloutSummary;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.rollout.Batching;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.RolloutException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class RolloutReportTest {

  private final RolloutReport report =
      new RolloutReport(
          new RolloutSummary(
              0,
              8,
              1,
              List.of(
                  new DroppedGroup(
                      1, "a \"34\"", List.of(4, 5, 6, 7), new RolloutException("row 5: no ink"))),
              new Batching(8, 8, 2, List.of()),
              new TreeMap<>(Map.of(4, 10)),
              3,
              new RewardStats(0.5, 0.25, 0, 1),
              0.25,
              0,
              Duration.ofMillis(500),
              8),
          Duration.ofMillis(250),
          Map.of("device", "cpu"),
          ConfigLoader.load(ConfigSources.of("rollout.n=4"), SettingsOptions.knownNames()));

  @Test
  void text_droppedGroup_countsTheSamplesLeft() {
    assertThat(report.text())
        .contains("batched 8/8 rows in 2 requests")
        .contains("10 of 4 rows; 3 halved as memory ran out")
        .contains("8.0 images/s: 4 images in 0.50 s, after 0.25 s to load the model")
        .contains("mean 0.5000, std 0.2500")
        .contains("1 dropped");
  }

  @Test
  void writeJson_droppedGroup_namesItsCause() throws IOException {
    JsonObject json = json();

    JsonObject dropped = json.getAsJsonArray("dropped_groups").get(0).getAsJsonObject();
    assertThat(dropped.get("group").getAsInt()).isEqualTo(1);
    assertThat(dropped.get("rows").getAsJsonArray()).hasSize(4);
    assertThat(dropped.get("cause").getAsString()).isEqualTo("row 5: no ink");
  }

  @Test
  void writeJson_settings_areTypedAndComplete() throws IOException {
    JsonObject config = json().getAsJsonObject("config");

    assertThat(config.getAsJsonObject("rollout").get("n").getAsInt()).isEqualTo(4);
    assertThat(config.getAsJsonObject("model").get("weights").isJsonNull()).isTrue();
    assertThat(config.getAsJsonObject("reward").get("timeout").getAsString()).startsWith("10 s");
  }

  private JsonObject json() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    report.writeJson(out);
    return JsonParser.parseString(out.toString(UTF_8)).getAsJsonObject();
  }
}
