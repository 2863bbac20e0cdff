package io.flowloop.agentloop.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.agentloop.RolloutSummary;
import io.flowloop.config.ResolvedConfig;
import io.flowloop.rollout.DroppedGroup;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What came of a rollout, for people and as {@code summary.json}.
 *
 * @param summary the numbers
 * @param modelLoading how long the engines took to start, which {@code summary} does not count
 * @param environment what it ran on
 * @param settings what it was asked for
 */
record RolloutReport(
    RolloutSummary summary,
    Duration modelLoading,
    Map<String, String> environment,
    ResolvedConfig settings) {

  /** Raised when a field changes its meaning or goes. */
  private static final int SCHEMA_VERSION = 1;

  private static final Gson GSON =
      new GsonBuilder().disableHtmlEscaping().serializeNulls().setPrettyPrinting().create();

  /** A few aligned lines. */
  String text() {
    return """
        requests  %s
        forwards  %s
        speed     %.1f images/s: %d images in %.2f s, after %.2f s to load the model
        reward    mean %.4f, std %.4f, min %.4f, max %.4f
        groups    %d, mean std %.4f, %d without spread, %d dropped
        """
        .formatted(
            summary.batching(),
            forwards(),
            summary.imagesPerSecond(),
            samples(),
            Units.seconds(summary.elapsed()),
            Units.seconds(modelLoading),
            summary.reward().mean(),
            summary.reward().std(),
            summary.reward().min(),
            summary.reward().max(),
            summary.groups(),
            summary.groupStdMean(),
            summary.zeroStdGroups(),
            summary.dropped().size());
  }

  private String forwards() {
    String sizes =
        summary.forwards().entrySet().stream()
            .map(forward -> "%d of %d rows".formatted(forward.getValue(), forward.getKey()))
            .collect(Collectors.joining(", "));
    return summary.oomSplits() == 0
        ? sizes
        : sizes + "; %d halved as memory ran out".formatted(summary.oomSplits());
  }

  private int samples() {
    return summary.rows()
        - summary.dropped().stream().mapToInt(dropped -> dropped.rows().size()).sum();
  }

  void writeJson(OutputStream out) throws IOException {
    out.write((GSON.toJson(json()) + "\n").getBytes(StandardCharsets.UTF_8));
  }

  private JsonObject json() {
    JsonObject json = new JsonObject();
    json.addProperty("schema_version", SCHEMA_VERSION);
    json.addProperty("step", summary.step());
    json.addProperty("images_per_second", summary.imagesPerSecond());
    json.addProperty("wall_seconds", Units.seconds(summary.elapsed()));
    json.addProperty("model_load_seconds", Units.seconds(modelLoading));
    json.addProperty("rows", summary.rows());
    json.addProperty("rows_batched", summary.batching().rowsBatched());
    json.addProperty("requests", summary.batching().requests());
    json.add("single_row_reasons", GSON.toJsonTree(summary.batching().reasons()));
    json.addProperty("forwards", summary.forwardsTotal());
    json.add("batch_sizes", GSON.toJsonTree(summary.forwards()));
    json.addProperty("oom_splits", summary.oomSplits());
    json.add("reward", GSON.toJsonTree(summary.reward()));
    json.addProperty("groups", summary.groups());
    json.addProperty("group_std_mean", summary.groupStdMean());
    json.addProperty("zero_std_groups", summary.zeroStdGroups());
    json.add("dropped_groups", droppedGroups());
    json.add("environment", GSON.toJsonTree(environment));
    json.add("config", JsonParser.parseString(settings.renderJson()));
    return json;
  }

  private JsonArray droppedGroups() {
    JsonArray groups = new JsonArray();
    for (DroppedGroup dropped : summary.dropped()) {
      JsonObject json = new JsonObject();
      json.addProperty("group", dropped.index());
      json.addProperty("prompt", dropped.prompt());
      json.add("rows", GSON.toJsonTree(dropped.rows()));
      json.addProperty("cause", dropped.cause().getMessage());
      groups.add(json);
    }
    return groups;
  }
}
