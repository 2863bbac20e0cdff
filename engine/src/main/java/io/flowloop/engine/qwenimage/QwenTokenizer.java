package io.flowloop.engine.qwenimage;

import static java.nio.charset.StandardCharsets.UTF_8;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.ModelProblems;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * From a prompt to the token ids that Qwen-Image's text encoder reads: the prompt in the sentence
 * that the model was trained with, cut into pieces of a vocabulary (byte-level BPE).
 */
final class QwenTokenizer implements AutoCloseable {

  /** Tokens at the start of the template, whose embeddings the denoiser does not get. */
  static final int TEMPLATE_TOKENS = 34;

  /** Most tokens that the denoiser gets: of the prompt and what follows it in the template. */
  static final int MAX_TOKENS = 1024;

  private static final String START = "<|im_start|>";
  private static final String END = "<|im_end|>";

  private static final String BEFORE =
      START
          + "system\n"
          + "Describe the image by detailing the color, shape, size, texture, quantity, text,"
          + " spatial relationships of the objects and background:"
          + END
          + "\n"
          + START
          + "user\n";

  private static final String AFTER = END + "\n" + START + "assistant\n";

  /** Neither padding nor a silent cut. */
  private static final Map<String, String> OPTIONS =
      Map.of("addSpecialTokens", "true", "padding", "false", "truncation", "false");

  /** Characters of a prompt that messages show. */
  private static final int SHOWN = 60;

  private final HuggingFaceTokenizer tokenizer;

  private QwenTokenizer(HuggingFaceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /**
   * Reads the {@code tokenizer} of a model.
   *
   * @param folder the model's
   * @param problems is told what is wrong with it
   * @return empty if there are problems
   * @throws EngineException if the library of tokenizers cannot be loaded
   */
  static Optional<QwenTokenizer> open(Path folder, ModelProblems problems) {
    return TokenizerJson.read(folder, problems).flatMap(json -> open(json, problems));
  }

  private static Optional<QwenTokenizer> open(TokenizerJson json, ModelProblems problems) {
    loadLibrary();
    QwenTokenizer tokenizer;
    try {
      tokenizer = new QwenTokenizer(create(json.text()));
    } catch (RuntimeException e) {
      // The library has one exception for whatever it does not like.
      problems.add("%s: %s (expected: a tokenizer)".formatted(json.origin(), e.getMessage()));
      return Optional.empty();
    }
    Optional<String> unfit = tokenizer.unfit();
    if (unfit.isPresent()) {
      tokenizer.close();
      problems.add(json.origin() + ": " + unfit.get());
      return Optional.empty();
    }
    return Optional.of(tokenizer);
  }

  /** The build for CPUs, which comes in the jar: that for GPUs would be downloaded. */
  private static void loadLibrary() {
    if (System.getProperty("RUST_FLAVOR") == null) {
      System.setProperty("RUST_FLAVOR", "cpu");
    }
    try {
      LibUtils.checkStatus();
    } catch (ai.djl.engine.EngineException | LinkageError e) {
      throw new EngineException(
          "the library of tokenizers cannot be loaded: %s (expected: from the jar".formatted(e)
              + " ai.djl.huggingface:tokenizers; on Linux it needs glibc 2.34 and libstdc++)",
          e);
    }
  }

  private static HuggingFaceTokenizer create(String json) {
    try {
      return HuggingFaceTokenizer.newInstance(
          new ByteArrayInputStream(json.getBytes(UTF_8)), OPTIONS);
    } catch (IOException e) {
      throw new UncheckedIOException("reading from memory failed", e);
    }
  }

  /** Why this is no tokenizer for the template, if it is none. */
  private Optional<String> unfit() {
    for (String token : List.of(START, END)) {
      int length = encode(token).length;
      if (length != 1) {
        return Optional.of(
            "%s is %d tokens (expected: one, among the added tokens)".formatted(token, length));
      }
    }
    int tokens = encode(BEFORE + AFTER).length;
    return tokens > TEMPLATE_TOKENS
        ? Optional.empty()
        : Optional.of(
            "the template without a prompt is %d tokens (expected: more than %d)"
                .formatted(tokens, TEMPLATE_TOKENS));
  }

  /**
   * The ids of a prompt in its template, {@link #TEMPLATE_TOKENS} and at most {@link #MAX_TOKENS}
   * more.
   *
   * @throws IllegalArgumentException if the prompt is longer, or no Unicode
   */
  long[] ids(String prompt) {
    if (!UTF_8.newEncoder().canEncode(prompt)) {
      throw new IllegalArgumentException(
          "prompt '%s': half of a surrogate pair (expected: Unicode)".formatted(shown(prompt)));
    }
    long[] ids = encode(BEFORE + prompt + AFTER);
    int tokens = ids.length - TEMPLATE_TOKENS;
    if (tokens > MAX_TOKENS) {
      throw new IllegalArgumentException(
          "prompt '%s': %d tokens (expected: at most %d, the limit of Qwen-Image); shorten it"
              .formatted(shown(prompt), tokens, MAX_TOKENS));
    }
    return ids;
  }

  private long[] encode(String text) {
    return tokenizer.encode(text).getIds();
  }

  private static String shown(String prompt) {
    return prompt.codePointCount(0, prompt.length()) <= SHOWN
        ? prompt
        : prompt.substring(0, prompt.offsetByCodePoints(0, SHOWN)) + "…";
  }

  /** Frees the library's memory. */
  @Override
  public void close() {
    tokenizer.close();
  }
}
