package io.flowloop.engine.qwenimage;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The tokens that are found in a text before it is cut, such as {@code <|im_start|>}.
 *
 * @param byId each as {@code tokenizer.json} describes it
 */
record AddedTokens(SortedMap<Integer, JsonObject> byId) {

  private static final String CONFIG = "tokenizer_config.json";
  private static final String DECODER = "added_tokens_decoder";
  private static final String IDS = "added_tokens.json";
  private static final String CONTENT = "content";

  /** The classes of tokenizer whose files {@link TokenizerJson} knows how to put together. */
  private static final List<String> CLASSES = List.of("Qwen2Tokenizer", "Qwen2TokenizerFast");

  /**
   * Reads them from {@code tokenizer_config.json}, or {@code added_tokens.json} if that describes
   * none.
   */
  static AddedTokens read(TokenizerFiles files) {
    AddedTokens tokens = new AddedTokens(new TreeMap<>());
    Optional<JsonObject> config = files.has(CONFIG) ? files.object(CONFIG) : Optional.empty();
    config.ifPresent(found -> checkClass(files, found));
    Optional<JsonObject> decoder =
        config
            .map(found -> found.get(DECODER))
            .filter(JsonElement::isJsonObject)
            .map(JsonElement::getAsJsonObject);
    if (decoder.isPresent()) {
      decoder.get().entrySet().forEach(entry -> tokens.addDescribed(files, entry));
    } else if (files.has(IDS)) {
      files.object(IDS).stream()
          .flatMap(ids -> ids.entrySet().stream())
          .forEach(entry -> tokens.addId(files, entry));
    } else {
      files.problem(CONFIG, "no %s (expected: it, or %s)".formatted(DECODER, IDS));
    }
    return tokens;
  }

  private static void checkClass(TokenizerFiles files, JsonObject config) {
    JsonElement name = config.get("tokenizer_class");
    if (!(name instanceof JsonPrimitive text && CLASSES.contains(text.getAsString()))) {
      files.problem(
          CONFIG,
          "tokenizer_class: %s (expected: one of %s, or a tokenizer.json)"
              .formatted(name, CLASSES));
    }
  }

  /**
   * @param entry an id and a description
   */
  private void addDescribed(TokenizerFiles files, Map.Entry<String, JsonElement> entry) {
    if (entry.getKey().matches("[0-9]{1,9}")
        && entry.getValue() instanceof JsonObject described
        && described.get(CONTENT) instanceof JsonPrimitive content
        && content.isString()) {
      add(Integer.parseInt(entry.getKey()), described);
    } else {
      files.problem(
          CONFIG,
          "%s.%s: %s (expected: a token's content under its id)"
              .formatted(DECODER, entry.getKey(), entry.getValue()));
    }
  }

  /**
   * @param entry a content and an id
   */
  private void addId(TokenizerFiles files, Map.Entry<String, JsonElement> entry) {
    if (TokenizerFiles.isId(entry.getValue())) {
      JsonObject described = new JsonObject();
      described.addProperty(CONTENT, entry.getKey());
      add(entry.getValue().getAsInt(), described);
    } else {
      files.wrongId(IDS, entry.getKey(), entry.getValue());
    }
  }

  private void add(int id, JsonObject described) {
    JsonObject token = new JsonObject();
    token.addProperty("id", id);
    token.add(CONTENT, described.get(CONTENT));
    for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized", "special")) {
      boolean given = described.get(flag) instanceof JsonPrimitive value && value.isBoolean();
      token.add(flag, given ? described.get(flag) : new JsonPrimitive(flag.equals("special")));
    }
    byId.put(id, token);
  }

  /**
   * Finds a token whose id the library of tokenizers would change. It does not read them: a token
   * that the vocabulary has keeps its id there, and the others follow the vocabulary.
   *
   * @param file which {@code vocabulary} is from
   */
  void checkIds(TokenizerFiles files, String file, JsonObject vocabulary) {
    int next = vocabulary.size();
    for (Map.Entry<Integer, JsonObject> entry : byId.entrySet()) {
      String content = entry.getValue().get(CONTENT).getAsString();
      int expected = vocabulary.has(content) ? vocabulary.get(content).getAsInt() : next++;
      if (entry.getKey() != expected) {
        files.problem(
            file,
            "%d tokens, and the added token '%s' has the id %d (expected: %d)"
                .formatted(vocabulary.size(), content, entry.getKey(), expected));
        return;
      }
    }
  }

  /** All of them, in the order of their ids. */
  JsonArray json() {
    JsonArray tokens = new JsonArray();
    byId.values().forEach(tokens::add);
    return tokens;
  }
}
