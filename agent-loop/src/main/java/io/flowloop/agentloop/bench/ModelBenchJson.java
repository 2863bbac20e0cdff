package io.flowloop.agentloop.bench;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.config.ResolvedConfig;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;

/**
 * Every raw number of a {@link ModelBenchmark} as a JSON file.
 *
 * @param result the numbers
 * @param version of flowloop
 * @param environment what it ran on, by name
 * @param variables environment variables that matter, by name
 * @param settings what it was asked for
 */
public record ModelBenchJson(
    ModelBenchResult result,
    String version,
    Map<String, String> environment,
    Map<String, String> variables,
    ResolvedConfig settings) {

  /** Raised when a field changes its meaning or goes. */
  private static final int SCHEMA_VERSION = 1;

  private static final Gson GSON =
      new GsonBuilder().disableHtmlEscaping().serializeNulls().setPrettyPrinting().create();

  /** Writes it, in UTF-8. */
  public void write(OutputStream out) throws IOException {
    out.write((GSON.toJson(json()) + "\n").getBytes(StandardCharsets.UTF_8));
  }

  private JsonObject json() {
    JsonObject json = new JsonObject();
    json.addProperty("schema_version", SCHEMA_VERSION);
    json.addProperty("flowloop", version);
    json.addProperty("stopped", result.stopped());
    JsonObject described = GSON.toJsonTree(environment).getAsJsonObject();
    described.add("variables", GSON.toJsonTree(variables));
    json.add("environment", described);
    json.add("model", model());
    json.add("plan", plan());
    json.add("load_seconds", GSON.toJsonTree(result.loadSeconds()));
    JsonArray parts = new JsonArray();
    result.parts().forEach(part -> parts.add(json(part)));
    json.add("parts", parts);
    json.add("settings", JsonParser.parseString(settings.renderJson()));
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
    json.add("kernels", GSON.toJsonTree(result.kernels()));
    return json;
  }

  private JsonObject plan() {
    JsonObject json = new JsonObject();
    json.add("rows", GSON.toJsonTree(result.spec().rows()));
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
                  GSON.toJsonTree(part.spread(figure).orElseThrow()).getAsJsonObject();
              values.add("values", GSON.toJsonTree(numbers));
              json.add(figure.toString(), values);
            });
    json.add(
        "device_memory_bytes",
        part.deviceMemory().isPresent()
            ? GSON.toJsonTree(part.deviceMemory().getAsLong())
            : JsonNull.INSTANCE);
    json.add("misfit", GSON.toJsonTree(part.misfit().orElse(null)));
    return json;
  }
}
