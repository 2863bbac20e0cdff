package io.flowloop.reward;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.engine.RgbImage;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.util.Base64;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChatJsonTest {

  @Test
  void question_image_isAMessageOfAPictureAndAnInstruction() throws Exception {
    RgbImage image = Pictures.of(5, 3, (x, y) -> x * 0x320000 + y * 0x3214 + 7);

    JsonObject question =
        JsonParser.parseString(ChatJson.question("a \"model\"", 99, image)).getAsJsonObject();

    assertThat(question.get("model").getAsString()).isEqualTo("a \"model\"");
    assertThat(question.get("temperature").getAsInt()).isZero();
    assertThat(question.get("max_tokens").getAsInt()).isEqualTo(99);
    assertThat(question.getAsJsonArray("messages")).hasSize(1);
    JsonObject message = question.getAsJsonArray("messages").get(0).getAsJsonObject();
    assertThat(message.get("role").getAsString()).isEqualTo("user");
    JsonArray content = message.getAsJsonArray("content");
    assertThat(content).hasSize(2);
    assertThat(content.get(1).getAsJsonObject().get("type").getAsString()).isEqualTo("text");
    assertThat(content.get(1).getAsJsonObject().get("text").getAsString()).contains("[no text]");
    assertThat(content.get(0).getAsJsonObject().get("type").getAsString()).isEqualTo("image_url");
    assertSamePixels(
        content.get(0).getAsJsonObject().getAsJsonObject("image_url").get("url").getAsString(),
        image);
  }

  private static void assertSamePixels(String url, RgbImage image) throws Exception {
    assertThat(url).startsWith("data:image/png;base64,");
    BufferedImage png =
        ImageIO.read(
            new ByteArrayInputStream(
                Base64.getDecoder().decode(url.substring(url.indexOf(',') + 1))));
    RgbImage read = Pictures.of(png.getWidth(), png.getHeight(), png::getRGB);
    assertThat(read.width()).isEqualTo(image.width());
    assertThat(read.rgb()).isEqualTo(image.rgb());
  }

  @Test
  void reply_text_isTheReading() {
    assertThat(reply(ChatServer.completion(" NOW\nOPEN\n", "stop")))
        .isEqualTo(new Reply.Reading("NOW\nOPEN"));
    assertThat(reply("{\"choices\": [{\"message\": {\"content\": \"7382\"}}], \"usage\": null}"))
        .isEqualTo(new Reply.Reading("7382"));
  }

  @Test
  void reply_wordForNoText_isAnEmptyReading() {
    assertThat(reply(ChatServer.completion("[No text]", "stop"))).isEqualTo(new Reply.Reading(""));
  }

  @ParameterizedTest
  @ValueSource(strings = {"length", "content_filter"})
  void reply_cutOff_isARefusalThatNamesTheReason(String reason) {
    assertThat(reply(ChatServer.completion("7382", reason)))
        .isInstanceOfSatisfying(
            Reply.Refusal.class, refusal -> assertThat(refusal.why()).contains(reason));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"choices\": [{\"message\": {\"content\": null}}]}",
        "{\"choices\": [{\"message\": {\"content\": \" \\n\"}}]}",
        "{\"choices\": [{\"message\": {\"role\": \"assistant\"}, \"finish_reason\": \"stop\"}]}"
      })
  void reply_withoutText_isARefusal(String json) {
    assertThat(reply(json)).isInstanceOf(Reply.Refusal.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "null",
        "NaN",
        "7382",
        "<html>7382</html>",
        "{\"choices\"",
        "{}",
        "[]",
        "{\"choices\": null}",
        "{\"choices\": {}}",
        "{\"choices\": []}",
        "{\"choices\": [null]}",
        "{\"choices\": [7382]}",
        "{\"choices\": [{\"text\": \"7382\"}]}",
        "{\"choices\": [{\"message\": \"7382\"}]}",
        "{\"choices\": [{\"message\": {\"content\": [\"7382\"]}}]}",
        "{\"choices\": [{\"message\": {\"content\": {\"text\": \"7382\"}}}]}"
      })
  void reply_noCompletion_isGarbageThatIsShown(String json) {
    assertThat(reply(json))
        .isInstanceOfSatisfying(
            Reply.Garbage.class, garbage -> assertThat(garbage.why()).contains("(as shown)"));
  }

  @Test
  void reply_deepNesting_isGarbage() {
    assertThat(reply("{\"choices\":" + "[".repeat(100_000))).isInstanceOf(Reply.Garbage.class);
  }

  private static Reply reply(String json) {
    return ChatJson.reply(json, "(as shown)");
  }
}
