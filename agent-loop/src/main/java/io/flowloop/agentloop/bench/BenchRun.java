package io.flowloop.agentloop.bench;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.config.ResolvedConfig;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * What the file of any benchmark says beside its numbers.
 *
 * @param version of flowloop
 * @param environment what it ran on, by name
 * @param variables environment variables that matter, by name
 * @param settings what it was asked for
 */
public record BenchRun(
    String version,
    Map<String, String> environment,
    Map<String, String> variables,
    ResolvedConfig settings) {

  static final Gson GSON =
      new GsonBuilder().disableHtmlEscaping().serializeNulls().setPrettyPrinting().create();

  /**
   * The head of a file.
   *
   * @param schemaVersion raised when a field changes its meaning or goes
   * @param stopped whether somebody ended the benchmark before its time
   */
  JsonObject begin(int schemaVersion, boolean stopped) {
    JsonObject json = new JsonObject();
    json.addProperty("schema_version", schemaVersion);
    json.addProperty("flowloop", version);
    json.addProperty("stopped", stopped);
    JsonObject described = GSON.toJsonTree(environment).getAsJsonObject();
    described.add("variables", GSON.toJsonTree(variables));
    json.add("environment", described);
    return json;
  }

  /** Writes a file, with the settings at its end, in UTF-8. */
  void write(JsonObject json, OutputStream out) throws IOException {
    json.add("settings", JsonParser.parseString(settings.renderJson()));
    out.write((GSON.toJson(json) + "\n").getBytes(StandardCharsets.UTF_8));
  }
}
