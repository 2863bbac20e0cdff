package io.flowloop.reward;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A server of chat completions on this machine, which answers each request as it is told to. */
final class ChatServer implements AutoCloseable {

  /** What was asked. */
  record Asked(String path, Headers headers, JsonObject body) {}

  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Queue<HttpHandler> next = new ArrayDeque<>();
  private final List<Asked> asked = new CopyOnWriteArrayList<>();
  private HttpHandler usual = exchange -> send(exchange, 500, "");

  ChatServer() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
  }

  URI url() {
    return URI.create("http://127.0.0.1:%d/v1".formatted(server.getAddress().getPort()));
  }

  List<Asked> asked() {
    return asked;
  }

  /** Has the next request for which nothing is said yet handled like this. */
  synchronized ChatServer then(HttpHandler handler) {
    next.add(handler);
    return this;
  }

  /** Has all further requests handled like this. */
  synchronized ChatServer always(HttpHandler handler) {
    usual = handler;
    return this;
  }

  /** The answer of a model. */
  static HttpHandler text(String text) {
    return says(200, completion(text, "stop"));
  }

  static HttpHandler says(int status, String body, String... header) {
    return exchange -> {
      if (header.length > 0) {
        exchange.getResponseHeaders().add(header[0], header[1]);
      }
      send(exchange, status, body);
    };
  }

  /** A body of which the end does not come as long as the server lives. */
  HttpHandler hangs() {
    return exchange -> {
      begin(exchange);
      try {
        closing.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    };
  }

  /** A connection that is closed in the middle of the body. */
  static HttpHandler breaksOff() {
    return exchange -> {
      begin(exchange);
      exchange.close();
    };
  }

  static String completion(String text, String finishReason) {
    JsonObject message = new JsonObject();
    message.addProperty("role", "assistant");
    message.addProperty("content", text);
    JsonObject choice = new JsonObject();
    choice.add("message", message);
    choice.addProperty("finish_reason", finishReason);
    JsonArray choices = new JsonArray();
    choices.add(choice);
    JsonObject completion = new JsonObject();
    completion.add("choices", choices);
    return completion.toString();
  }

  @Override
  public void close() {
    closing.countDown();
    server.stop(0);
    threads.shutdownNow();
  }

  private void handle(HttpExchange exchange) throws IOException {
    String body = new String(exchange.getRequestBody().readAllBytes(), UTF_8);
    asked.add(
        new Asked(
            exchange.getRequestURI().getPath(),
            exchange.getRequestHeaders(),
            JsonParser.parseString(body).getAsJsonObject()));
    handler().handle(exchange);
  }

  private synchronized HttpHandler handler() {
    HttpHandler told = next.poll();
    return told == null ? usual : told;
  }

  private static void begin(HttpExchange exchange) throws IOException {
    exchange.sendResponseHeaders(200, 1000);
    exchange.getResponseBody().write("{\"choices\"".getBytes(UTF_8));
    exchange.getResponseBody().flush();
  }

  private static void send(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(UTF_8);
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }
}
