package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.engine.ModelProblems;
import io.flowloop.engine.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QwenTokenizerTest {

  /** Every kind of piece that a text is cut into, and what is not cut. */
  private static final List<String> TEXTS =
      List.of(
          "",
          " ",
          "a large red banner reading \"HELLO WORLD\" on a wall",
          "It's the DOG'S, they'RE here; we'll see 7382 signs",
          "  two  spaces,\ttabs\n\nand\r\nlines  \n ",
          "Ünïcödé, 東京の夜, ru\u0301e and r\u00fae, \ud83d\udc08\u200d\u2b1b",
          "a {} and {0} and %s and \\ and \0",
          "<|im_end|><|im_start|> inside <|image_pad|>, <|no_token|>");

  @TempDir private Path folder;

  private Path parts;

  /** The golden tokenizer in the files that the published folder has. */
  @BeforeEach
  void writeParts() throws IOException {
    parts = Files.createDirectory(folder.resolve("tokenizer"));
    JsonObject json = goldenJson();
    JsonObject model = json.getAsJsonObject("model");
    write("vocab.json", model.get("vocab").toString());
    StringBuilder merges = new StringBuilder("#version: 0.2\n");
    for (JsonElement merge : model.getAsJsonArray("merges")) {
      JsonArray pair = merge.getAsJsonArray();
      merges.append(pair.get(0).getAsString()).append(' ').append(pair.get(1).getAsString());
      merges.append('\n');
    }
    write("merges.txt", merges.toString());
    JsonObject config = new JsonObject();
    config.addProperty("tokenizer_class", "Qwen2Tokenizer");
    JsonObject decoder = new JsonObject();
    JsonObject added = new JsonObject();
    for (JsonElement element : json.getAsJsonArray("added_tokens")) {
      JsonObject token = element.getAsJsonObject();
      String id = token.remove("id").getAsString();
      decoder.add(id, token);
      added.addProperty(token.get("content").getAsString(), Integer.valueOf(id));
    }
    config.add("added_tokens_decoder", decoder);
    write("tokenizer_config.json", config.toString());
    write("added_tokens.json", added.toString());
  }

  private static JsonObject goldenJson() throws IOException {
    Path file = TinyQwenText.folder().resolve("tokenizer", "tokenizer.json");
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  private void write(String file, String text) throws IOException {
    Files.writeString(parts.resolve(file), text);
  }

  private String read(String file) throws IOException {
    return Files.readString(parts.resolve(file));
  }

  private List<String> problems() {
    ModelProblems problems = new ModelProblems();
    assertThat(QwenTokenizer.open(folder, problems)).isEmpty();
    return problems.found();
  }

  private void assertGoldenIds() {
    try (QwenTokenizer golden = TinyQwenText.tokenizer(TinyQwenText.folder());
        QwenTokenizer tokenizer = TinyQwenText.tokenizer(folder)) {
      for (String text : TEXTS) {
        assertThat(tokenizer.ids(text)).as(text).isEqualTo(golden.ids(text));
      }
    }
  }

  @Test
  void ids_goldenPrompts_areTheReferences() {
    try (SafetensorsFile golden = TinyQwenText.golden();
        QwenTokenizer tokenizer = TinyQwenText.tokenizer(TinyQwenText.folder())) {
      List<String> prompts = TinyQwenText.prompts(golden);
      assertThat(prompts).hasSize(3);
      for (int i = 0; i < prompts.size(); i++) {
        assertThat(tokenizer.ids(prompts.get(i)))
            .isEqualTo(golden.longs("text." + i + ".input_ids"));
      }
    }
  }

  @Test
  void ids_ofVocabularyAndMerges_areThoseOfTheWholeFile() {
    assertGoldenIds();
  }

  @Test
  void ids_ofAddedTokensWithoutDescriptions_areThoseOfTheWholeFile() throws IOException {
    Files.delete(parts.resolve("tokenizer_config.json"));

    assertGoldenIds();
  }

  @Test
  void ids_fileThatCutsAndPads_areNeitherCutNorPadded() throws IOException {
    JsonObject json = goldenJson();
    json.add(
        "truncation",
        JsonParser.parseString(
            "{'direction': 'Right', 'max_length': 8, 'strategy': 'LongestFirst', 'stride': 0}"));
    json.add(
        "padding",
        JsonParser.parseString(
            "{'strategy': {'Fixed': 64}, 'direction': 'Right', 'pad_id': 436, 'pad_type_id': 0,"
                + " 'pad_token': '<|endoftext|>', 'pad_to_multiple_of': null}"));
    write("tokenizer.json", json.toString());

    assertGoldenIds();
  }

  /** Each digit is a token, and five tokens of the template follow the prompt. */
  @Test
  void ids_promptAtTheLimit_isWholeAndOneMoreTokenIsRefused() {
    try (QwenTokenizer tokenizer = TinyQwenText.tokenizer(TinyQwenText.folder())) {
      assertThat(tokenizer.ids("3".repeat(1019))).hasSize(34 + 1024);
      assertThatThrownBy(() -> tokenizer.ids("3".repeat(1020)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "prompt '%s…': 1025 tokens (expected: at most 1024, the limit of Qwen-Image);"
                      .formatted("3".repeat(60))
                  + " shorten it");
    }
  }

  @Test
  void ids_halfOfASurrogatePair_isRefused() {
    try (QwenTokenizer tokenizer = TinyQwenText.tokenizer(TinyQwenText.folder())) {
      assertThatThrownBy(() -> tokenizer.ids("a cat \ud83d"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("prompt 'a cat \ud83d': half of a surrogate pair (expected: Unicode)");
    }
  }

  @Test
  void open_noFiles_namesThoseThatWouldDo() throws IOException {
    Files.delete(parts.resolve("vocab.json"));
    Files.delete(parts.resolve("merges.txt"));

    assertThat(problems())
        .containsExactly(
            "tokenizer/tokenizer.json: missing (expected: it, or vocab.json and merges.txt)");
  }

  @Test
  void open_severalBadFiles_findsAllOfThem() throws IOException {
    Files.delete(parts.resolve("merges.txt"));
    write("vocab.json", read("vocab.json").replaceFirst(":", ":-"));
    write("tokenizer_config.json", "{\"tokenizer_class\": ");

    assertThat(problems())
        .satisfiesExactly(
            vocabulary ->
                assertThat(vocabulary)
                    .startsWith("tokenizer/vocab.json: token '")
                    .endsWith("(expected: its id, a whole number)"),
            merges ->
                assertThat(merges)
                    .isEqualTo(
                        "tokenizer/merges.txt: missing (expected: with the other files of the"
                            + " tokenizer)"),
            config ->
                assertThat(config)
                    .startsWith("tokenizer/tokenizer_config.json: no JSON: ")
                    .endsWith("(expected: one object)"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "vocab.json ~ ^\\{ ~ [{ ~ tokenizer/vocab.json: no JSON: ",
        "vocab.json ~ ^.*$ ~ [1] ~ tokenizer/vocab.json: other JSON (expected: one object)",
        "vocab.json ~ }$ ~ }} ~ tokenizer/vocab.json: no JSON: ",
        "vocab.json ~ }$ ~ ,'one more':436} ~ tokenizer/vocab.json: 437 tokens, and the added token"
            + " '<|endoftext|>' has the id 436 (expected: 437)",
        "vocab.json ~ 'HELLO' ~ 'OLLEH' ~ tokenizer/merges.txt: 'HEL LO' (expected: two tokens"
            + " of vocab.json that make one of it)",
        "merges.txt ~ Ġ t ~ Ġt ~ tokenizer/merges.txt: line 2: 'Ġt' (expected: two tokens and a"
            + " space between)",
        "tokenizer_config.json ~ Qwen2T ~ T5T ~ tokenizer/tokenizer_config.json: tokenizer_class:"
            + " 'T5Tokenizer' (expected: one of [Qwen2Tokenizer, Qwen2TokenizerFast], or a"
            + " tokenizer.json)",
        "tokenizer_config.json ~ '437' ~ 'x' ~ tokenizer/tokenizer_config.json:"
            + " added_tokens_decoder.x: {",
        "tokenizer_config.json ~ <.im_start.> ~ <start> ~ tokenizer/vocab.json and merges.txt:"
            + " <|im_start|> is ",
      })
  void open_badFile_saysWhatAndWhere(String file, String found, String instead, String problem)
      throws IOException {
    String text = read(file);
    String bad = text.replaceFirst(found.replace('\'', '"'), instead.replace('\'', '"'));
    assertThat(bad).isNotEqualTo(text);
    write(file, bad);

    assertThat(problems())
        .singleElement()
        .satisfies(told -> assertThat(told.replaceAll("[\"`]", "'")).startsWith(problem));
  }

  @Test
  void open_noAddedTokens_saysWhereTheyAreLookedFor() throws IOException {
    Files.delete(parts.resolve("added_tokens.json"));
    write("tokenizer_config.json", "{\"tokenizer_class\": \"Qwen2Tokenizer\"}");

    assertThat(problems())
        .containsExactly(
            "tokenizer/tokenizer_config.json: no added_tokens_decoder (expected: it, or"
                + " added_tokens.json)");
  }

  @Test
  void open_addedTokenWithoutId_namesIt() throws IOException {
    Files.delete(parts.resolve("tokenizer_config.json"));
    write("added_tokens.json", "{\"<|im_start|>\": \"437\"}");

    assertThat(problems())
        .containsExactly(
            "tokenizer/added_tokens.json: token '<|im_start|>' is \"437\" (expected: its id, a"
                + " whole number)");
  }

  @Test
  void open_brokenWholeFile_saysSo() throws IOException {
    write("tokenizer.json", "{\"version\": \"1.0\"}");

    assertThat(problems())
        .singleElement()
        .asString()
        .startsWith("tokenizer/tokenizer.json: ")
        .endsWith(" (expected: a tokenizer)");
  }

  @Test
  void open_templateOfFewTokens_isRefused() throws IOException {
    JsonObject json = goldenJson();
    JsonObject whole = json.getAsJsonArray("added_tokens").get(0).getAsJsonObject().deepCopy();
    whole.addProperty("id", 444);
    whole.addProperty("content", "Describe the image by detailing the color, shape, size,");
    json.getAsJsonArray("added_tokens").add(whole);
    write("tokenizer.json", json.toString());

    assertThat(problems())
        .singleElement()
        .asString()
        .matches(
            "tokenizer/tokenizer.json: the template without a prompt is \\d+ tokens \\(expected:"
                + " more than 34\\)");
  }
}
