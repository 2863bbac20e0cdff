package io.flowloop.reward;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.annotations.SerializedName;
import io.flowloop.engine.RgbImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.jspecify.annotations.Nullable;

/** A question about an image and its answer, in the JSON of OpenAI's chat completions. */
final class ChatJson {

  /** What stands for no text, since an empty answer may as well be a mistake. */
  private static final String NO_TEXT = "[no text]";

  private static final String INSTRUCTION =
      "Copy the text that is written in this image, letter by letter and in its order. Answer with"
          + " that text alone, without quotes and without a word of your own. If no text is"
          + " written in the image, answer "
          + NO_TEXT;

  /** Reasons for which an answer ends before its end. */
  private static final Set<String> CUT_OFF = Set.of("length", "content_filter");

  private static final Gson GSON = new Gson();

  private record Answer(@Nullable List<@Nullable Choice> choices) {}

  private record Choice(
      @Nullable Message message, @SerializedName("finish_reason") @Nullable String finishReason) {

    String text() {
      return message == null || message.content() == null ? "" : message.content().strip();
    }
  }

  private record Message(@Nullable String content) {}

  private ChatJson() {}

  /**
   * A request to read an image.
   *
   * @param maxTokens of the answer
   */
  static String question(String model, int maxTokens, RgbImage image) throws IOException {
    JsonObject url = new JsonObject();
    url.addProperty(
        "url", "data:image/png;base64," + Base64.getEncoder().encodeToString(png(image)));
    JsonObject picture = new JsonObject();
    picture.addProperty("type", "image_url");
    picture.add("image_url", url);
    JsonObject instruction = new JsonObject();
    instruction.addProperty("type", "text");
    instruction.addProperty("text", INSTRUCTION);
    JsonObject message = new JsonObject();
    message.addProperty("role", "user");
    message.add("content", array(picture, instruction));
    JsonObject question = new JsonObject();
    question.addProperty("model", model);
    question.addProperty("temperature", 0);
    question.addProperty("max_tokens", maxTokens);
    question.add("messages", array(message));
    return question.toString();
  }

  private static JsonArray array(JsonObject... objects) {
    JsonArray array = new JsonArray();
    for (JsonObject object : objects) {
      array.add(object);
    }
    return array;
  }

  private static byte[] png(RgbImage image) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    // ImageIO would otherwise go through a file of its own.
    try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
      ImageIO.write(BufferedImages.of(image), "png", out);
    }
    return bytes.toByteArray();
  }

  /**
   * What an answer says.
   *
   * @param shown the answer as messages may show it
   */
  static Reply reply(String json, String shown) {
    return choice(json)
        .map(ChatJson::reply)
        .orElseGet(
            () ->
                new Reply.Garbage(
                    ("answered 200 with %s (expected: JSON with choices[0].message.content); is it the"
                            + " base URL of an OpenAI-compatible API?")
                        .formatted(shown)));
  }

  private static Reply reply(Choice choice) {
    String reason = Objects.requireNonNullElse(choice.finishReason(), "stop");
    if (CUT_OFF.contains(reason)) {
      return new Reply.Refusal(
          ("cut its answer off, finish_reason %s (expected: a whole one); raise maxTokens, or take a"
                  + " model that answers with the text alone")
              .formatted(reason));
    }
    String text = choice.text();
    if (text.isEmpty()) {
      return new Reply.Refusal(
          "answered with nothing (expected: the text of the image, or %s); take another model"
              .formatted(NO_TEXT));
    }
    return new Reply.Reading(text.equalsIgnoreCase(NO_TEXT) ? "" : text);
  }

  /** The first choice of an answer that has one, with a message. */
  private static Optional<Choice> choice(String json) {
    try {
      return Optional.ofNullable(GSON.fromJson(json, Answer.class))
          .flatMap(answer -> Optional.ofNullable(answer.choices()))
          .flatMap(choices -> choices.stream().filter(Objects::nonNull).findFirst())
          .filter(choice -> choice.message() != null);
    } catch (JsonParseException e) {
      return Optional.empty();
    }
  }
}
