package io.flowloop.agentloop.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import io.flowloop.engine.Sample;
import io.flowloop.engine.SampleTimings;
import io.flowloop.rollout.RewardedSample;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The file {@code samples.jsonl}: one JSON object a line for each sample, in row order. */
final class SampleJson {

  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

  private SampleJson() {}

  static void write(List<RewardedSample> samples, OutputStream out) throws IOException {
    Writer writer = new OutputStreamWriter(out, StandardCharsets.UTF_8);
    for (RewardedSample sample : samples) {
      writer.write(GSON.toJson(json(sample)));
      writer.write('\n');
    }
    writer.flush();
  }

  private static JsonObject json(RewardedSample rewarded) {
    Sample sample = rewarded.sample();
    JsonObject json = new JsonObject();
    json.addProperty("row", rewarded.row().index());
    json.addProperty("group", rewarded.row().group());
    json.addProperty("prompt", rewarded.row().prompt());
    // A text: most readers of JSON numbers keep 53 bits only.
    json.addProperty("seed", Long.toString(sample.row().seed()));
    json.addProperty("reward", rewarded.reward().total());
    json.add("reward_parts", GSON.toJsonTree(rewarded.reward().parts()));
    json.addProperty("log_prob_mean", sample.trajectory().logProbMean());
    json.addProperty("policy_version", sample.policyVersion());
    json.addProperty("rows_per_forward", sample.timings().rowsPerForward());
    json.add("timings_ms", json(sample.timings()));
    json.add("extra_fields", GSON.toJsonTree(rewarded.extraFields()));
    return json;
  }

  /** Times of the whole sub-batch that the sample was drawn in. */
  private static JsonObject json(SampleTimings timings) {
    JsonObject json = new JsonObject();
    json.addProperty("encode", Units.millis(timings.encode()));
    json.addProperty("denoise", Units.millis(timings.denoise()));
    json.addProperty("decode", Units.millis(timings.decode()));
    return json;
  }
}
