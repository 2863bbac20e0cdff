package io.flowloop.reward;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.flowloop.config.Printable;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.InstantSource;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;

/** The HTTP of one server: a request, and what came of it in its time. Threads may share it. */
final class ChatClient implements AutoCloseable {

  /** Of an answer; one of a few words has some hundred. */
  private static final int MOST_BYTES = 1 << 20;

  private static final int MOST_SHOWN = 200;

  private final URI url;
  private final Optional<String> key;
  private final InstantSource clock;

  // Of its own accord a JDK's client asks for HTTP/2 in a way that has servers drop the body.
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  /**
   * A client that must be closed.
   *
   * @param url that requests are posted to
   * @param key that the server wants, of visible ASCII characters
   * @param clock tells dates that a server names
   */
  ChatClient(URI url, Optional<String> key, InstantSource clock) {
    this.url = url;
    this.key = key;
    this.clock = clock;
  }

  URI url() {
    return url;
  }

  /**
   * What the server says to a question within a time, the last byte included. Ends the request when
   * the thread is interrupted.
   */
  Reply ask(String question, Duration limit) throws InterruptedException {
    CompletableFuture<HttpResponse<String>> response =
        http.sendAsync(
            request(question), BodyHandlers.limiting(BodyHandlers.ofString(UTF_8), MOST_BYTES));
    try {
      return reply(response.get(limit.toNanos(), NANOSECONDS));
    } catch (TimeoutException e) {
      return new Reply.NoAnswer("gave no whole answer within " + limit);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException cause) {
        return new Reply.NoAnswer("cannot be reached or broke off: " + cause);
      }
      throw new IllegalStateException("request to " + url, e.getCause());
    } finally {
      response.cancel(true); // nothing, if it is over
    }
  }

  /** Ends what is under way. */
  @Override
  public void close() {
    http.shutdownNow();
  }

  private HttpRequest request(String question) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(url)
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(question));
    key.ifPresent(secret -> request.header("Authorization", "Bearer " + secret));
    return request.build();
  }

  private Reply reply(HttpResponse<String> response) {
    int status = response.statusCode();
    String shown = shown(response.body());
    if (status == 200) {
      return ChatJson.reply(response.body(), shown);
    }
    String why = "answered %d: %s".formatted(status, shown);
    if (status == 408 || status == 429 || status >= 500) {
      return new Reply.NoAnswer(
          why, response.headers().firstValue("Retry-After").flatMap(this::pause));
    }
    return new Reply.Refusal(why + " (expected: 200); look at its url, model and apiKeyEnv");
  }

  /** The beginning of an answer, without the key that it may quote. */
  private String shown(String body) {
    return Printable.of(
        key.map(secret -> body.replace(secret, "<the key>")).orElse(body).strip(), MOST_SHOWN);
  }

  /** Seconds, or the date until which to wait; empty for anything else. */
  private Optional<Duration> pause(String retryAfter) {
    if (retryAfter.matches("\\d{1,9}")) {
      return Optional.of(Duration.ofSeconds(Long.parseLong(retryAfter)));
    }
    try {
      ZonedDateTime date = ZonedDateTime.parse(retryAfter, DateTimeFormatter.RFC_1123_DATE_TIME);
      return Optional.of(Duration.between(clock.instant(), date.toInstant()));
    } catch (DateTimeException e) {
      return Optional.empty();
    }
  }
}
