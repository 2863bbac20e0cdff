package io.flowloop.agentloop.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Locale;

/**
 * Every raw number of a {@link ModelBenchmark} as a JSON file.
 *
 * @param result the numbers
 * @param run what it ran on and was asked for
 */
public record ModelBenchJson(ModelBenchResult result, BenchRun run) {

  /** Raised when a field changes its meaning or goes. */
  private static final int SCHEMA_VERSION = 1;

  /** Writes it, in UTF-8. */
  public void write(OutputStream out) throws IOException {
    run.write(json(), out);
  }

  private JsonObject json() {
    JsonObject json = run.begin(SCHEMA_VERSION, result.stopped());
    json.add("model", model());
    json.add("plan", plan());
    json.add("load_seconds", BenchRun.GSON.toJsonTree(result.loadSeconds()));
    JsonArray parts = new JsonArray();
    result.parts().forEach(part -> parts.add(json(part)));
    json.add("parts", parts);
    return json;
  }

  private JsonObject model() {
    ModelBenchSpec spec = result.spec();
    JsonObject json = new JsonObject();
    json.addProperty("geometry", spec.geometry().toString().toLowerCase(Locale.ROOT));
    json.addProperty("sizes", spec.geometry().words());
    json.addProperty("parameters", spec.geometry().parameters());
    json.addProperty("tensors", result.tensors());
    json.addProperty("text_tokens", spec.textTokens());
    json.add("kernels", BenchRun.GSON.toJsonTree(result.kernels()));
    return json;
  }

  private JsonObject plan() {
    JsonObject json = new JsonObject();
    json.add("rows", BenchRun.GSON.toJsonTree(result.spec().rows()));
    json.addProperty("warmup", result.spec().warmUp());
    json.addProperty("iterations", result.spec().iterations());
    return json;
  }

  private static JsonObject json(PartResult part) {
    JsonObject json = new JsonObject();
    json.addProperty("part", part.part().toString());
    json.addProperty("rows", part.rows());
    json.addProperty("guidance", part.guidance());
    part.figures()
        .forEach(
            (figure, numbers) -> {
              JsonObject values =
                  BenchRun.GSON.toJsonTree(part.spread(figure).orElseThrow()).getAsJsonObject();
              values.add("values", BenchRun.GSON.toJsonTree(numbers));
              json.add(figure.toString(), values);
            });
    json.add(
        "device_memory_bytes",
        part.deviceMemory().isPresent()
            ? BenchRun.GSON.toJsonTree(part.deviceMemory().getAsLong())
            : JsonNull.INSTANCE);
    json.add("misfit", BenchRun.GSON.toJsonTree(part.misfit().orElse(null)));
    return json;
  }
}
