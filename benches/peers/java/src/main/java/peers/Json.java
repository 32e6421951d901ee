package peers;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;

/** Events as JSON. */
final class Json {
    static final int BYTES = 200;

    private static final ObjectReader READER = new ObjectMapper().readerFor(Fields.class);

    private Json() {}

    static String render(Event event) {
        StringBuilder text = new StringBuilder(BYTES);
        text.append("{\"time\":").append(event.time());
        text.append(",\"user\":\"").append(event.user());
        text.append("\",\"type\":\"").append(event.type());
        text.append("\",\"role\":\"").append(event.role());
        text.append("\",\"v\":").append(event.v());
        text.append(",\"note\":\"");
        while (text.length() < BYTES - 2) {
            text.append('.');
        }
        return text.append("\"}").toString();
    }

    static Event read(byte[] json) throws IOException {
        Fields fields = READER.readValue(json);
        return new Event(fields.time, fields.user, fields.type, fields.role, fields.v);
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    private static final class Fields {
        @JsonProperty long time;
        @JsonProperty String user;
        @JsonProperty String type;
        @JsonProperty String role;
        @JsonProperty long v;
    }
}
