package io.flowloop.engine.qwenimage;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.engine.ModelProblems;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A tokenizer in the form that Hugging Face's library of tokenizers reads: the {@code
 * tokenizer.json} of a folder, or what Qwen2's tokenizer makes of the older {@code vocab.json},
 * {@code merges.txt} and added tokens.
 *
 * @param origin the files it is from, for messages
 * @param text the JSON
 */
record TokenizerJson(String origin, String text) {

  private static final String WHOLE = "tokenizer.json";
  private static final String VOCABULARY = "vocab.json";
  private static final String MERGES = "merges.txt";

  /**
   * What a text is cut into; no token reaches across a cut. It stands in none of the older files,
   * but belongs to the class of the tokenizer.
   */
  private static final String PIECES =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  /** What is the same in every tokenizer of the class. */
  private static final String FRAME =
      """
      {
        "version": "1.0",
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {
          "type": "Sequence",
          "pretokenizers": [
            {"type": "Split", "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
             "use_regex": false}
          ]
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
                    "use_regex": false},
        "model": {"type": "BPE", "fuse_unk": false, "byte_fallback": false}
      }
      """;

  /**
   * Reads the {@code tokenizer} of a model.
   *
   * @param folder the model's
   * @param problems is told of files that are missing or not what their names say
   * @return empty if there are problems
   */
  static Optional<TokenizerJson> read(Path folder, ModelProblems problems) {
    TokenizerFiles files = new TokenizerFiles(folder, problems);
    if (files.has(WHOLE)) {
      return files.text(WHOLE).map(text -> new TokenizerJson(TokenizerFiles.path(WHOLE), text));
    }
    if (!files.has(VOCABULARY) && !files.has(MERGES)) {
      return files.problem(
          WHOLE, "missing (expected: it, or %s and %s)".formatted(VOCABULARY, MERGES));
    }
    return ofParts(files);
  }

  private static Optional<TokenizerJson> ofParts(TokenizerFiles files) {
    int before = files.problems().found().size();
    JsonObject vocabulary = vocabulary(files);
    JsonArray merges = merges(files);
    AddedTokens added = AddedTokens.read(files);
    if (files.problems().found().size() == before) {
      checkMerges(files, vocabulary, merges);
      added.checkIds(files, VOCABULARY, vocabulary);
    }
    return files.problems().found().size() > before
        ? Optional.empty()
        : Optional.of(
            new TokenizerJson(
                TokenizerFiles.path(VOCABULARY) + " and " + MERGES,
                json(vocabulary, merges, added.json()).toString()));
  }

  private static JsonObject json(JsonObject vocabulary, JsonArray merges, JsonArray added) {
    JsonObject json = JsonParser.parseString(FRAME).getAsJsonObject();
    JsonObject pattern = new JsonObject();
    pattern.addProperty("Regex", PIECES);
    JsonArray cutters = json.getAsJsonObject("pre_tokenizer").getAsJsonArray("pretokenizers");
    cutters.get(0).getAsJsonObject().add("pattern", pattern);
    json.getAsJsonObject("model").add("vocab", vocabulary);
    json.getAsJsonObject("model").add("merges", merges);
    json.add("added_tokens", added);
    return json;
  }

  private static JsonObject vocabulary(TokenizerFiles files) {
    JsonObject vocabulary = files.object(VOCABULARY).orElseGet(JsonObject::new);
    for (Map.Entry<String, JsonElement> entry : vocabulary.entrySet()) {
      if (!TokenizerFiles.isId(entry.getValue())) {
        files.wrongId(VOCABULARY, entry.getKey(), entry.getValue());
        return vocabulary;
      }
    }
    return vocabulary;
  }

  /** Pairs of tokens that become one, the first of them first. */
  private static JsonArray merges(TokenizerFiles files) {
    JsonArray merges = new JsonArray();
    List<String> lines = files.text(MERGES).stream().flatMap(String::lines).toList();
    for (int i = isVersion(lines) ? 1 : 0; i < lines.size(); i++) {
      List<String> pair = List.of(lines.get(i).split(" ", -1));
      if (pair.size() == 2 && !pair.contains("")) {
        JsonArray merge = new JsonArray();
        pair.forEach(merge::add);
        merges.add(merge);
      } else if (!lines.get(i).isEmpty()) {
        files.problem(
            MERGES,
            "line %d: '%s' (expected: two tokens and a space between)"
                .formatted(i + 1, lines.get(i)));
        return merges;
      }
    }
    return merges;
  }

  private static boolean isVersion(List<String> lines) {
    return !lines.isEmpty() && lines.getFirst().startsWith("#version");
  }

  private static void checkMerges(TokenizerFiles files, JsonObject vocabulary, JsonArray merges) {
    for (JsonElement merge : merges) {
      String first = merge.getAsJsonArray().get(0).getAsString();
      String second = merge.getAsJsonArray().get(1).getAsString();
      if (!Stream.of(first, second, first + second).allMatch(vocabulary::has)) {
        files.problem(
            MERGES,
            "'%s %s' (expected: two tokens of %s that make one of it)"
                .formatted(first, second, VOCABULARY));
        return;
      }
    }
  }
}
