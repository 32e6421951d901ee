package peers;

import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.cep.configuration.SharedBufferCacheConfig;
import org.apache.flink.cep.nfa.NFA;
import org.apache.flink.cep.nfa.NFAState;
import org.apache.flink.cep.nfa.aftermatch.AfterMatchSkipStrategy;
import org.apache.flink.cep.nfa.compiler.NFACompiler;
import org.apache.flink.cep.nfa.sharedbuffer.SharedBuffer;
import org.apache.flink.cep.nfa.sharedbuffer.SharedBufferAccessor;
import org.apache.flink.cep.pattern.Pattern;
import org.apache.flink.cep.pattern.conditions.IterativeCondition;
import org.apache.flink.cep.pattern.conditions.SimpleCondition;
import org.apache.flink.cep.time.TimerService;
import org.apache.flink.configuration.Configuration;

/**
 * The automata of Flink CEP without the job around them: no network, no serialisation, no timers, no queue of events
 * that wait for a watermark. As in its operator, there is one automaton and one shared buffer for each rule, and a state for each key.
 */
final class FlinkEngine implements Engine {
    private static final AfterMatchSkipStrategy SKIP = AfterMatchSkipStrategy.noSkip();
    private static final TimerService TIMER = System::currentTimeMillis;

    private final boolean json;
    private final List<Rule> rules = new ArrayList<>();
    private long matches;

    FlinkEngine(Workload workload) throws Exception {
        json = workload.json();
        for (int rule = 0; rule < workload.rules(); rule++) {
            rules.add(new Rule(pattern(workload, rule)));
        }
    }

    @Override
    public Object input(Event event) {
        return json ? event.json().getBytes(StandardCharsets.UTF_8) : event;
    }

    @Override
    public void process(Object input) throws Exception {
        Event event = json ? Json.read((byte[]) input) : (Event) input;
        for (Rule rule : rules) {
            matches += rule.process(event);
        }
    }

    @Override
    public long matches() {
        return matches;
    }

    @Override
    public void close() throws Exception {
        for (Rule rule : rules) {
            rule.nfa.close();
            rule.buffer.releaseCacheStatisticsTimer();
        }
    }

    private static final class Rule {
        final NFA<Event> nfa;
        final SharedBuffer<Event> buffer;
        private final KeyedHeapStore store = new KeyedHeapStore();
        private final Map<String, NFAState> states = new HashMap<>();

        Rule(Pattern<Event, ?> pattern) throws Exception {
            nfa = NFACompiler.compileFactory(pattern, false).createNFA();
            nfa.open(noContext(), new Configuration());
            TypeSerializer<Event> unused =
                    TypeInformation.of(Event.class).createSerializer(new SerializerConfigImpl());
            buffer = new SharedBuffer<>(store, unused, new SharedBufferCacheConfig(10_000, 10_000, Duration.ofDays(1)));
        }

        int process(Event event) throws Exception {
            store.setKey(event.user());
            NFAState state = states.computeIfAbsent(event.user(), key -> nfa.createInitialNFAState());
            int found;
            try (SharedBufferAccessor<Event> accessor = buffer.getAccessor()) {
                found = nfa.advanceTime(accessor, state, event.time(), SKIP).f0.size();
            }
            try (SharedBufferAccessor<Event> accessor = buffer.getAccessor()) {
                found += nfa.process(accessor, state, event, event.time(), SKIP, TIMER).size();
            }
            state.resetStateChanged();
            state.resetNewStartPartialMatch();
            return found;
        }
    }

    private static Pattern<Event, ?> pattern(Workload workload, int rule) {
        String role = Workload.role(rule);
        long bound = Workload.bound(rule);
        SimpleCondition<Event> first =
                SimpleCondition.of(event -> event.type().equals("A") && event.role().equals(role));
        SimpleCondition<Event> second = SimpleCondition.of(event -> event.type().equals("B"));
        SimpleCondition<Event> third = SimpleCondition.of(event -> event.type().equals("C") && event.v() > bound);
        Duration within = Duration.ofMillis(Workload.SEQUENCE_WITHIN);
        Pattern<Event, Event> start = Pattern.begin("a");
        return switch (workload.look()) {
            case SEQUENCE -> start.where(first)
                    .followedBy("b").where(second)
                    .followedBy("c").where(third)
                    .within(within);
            case ANY -> start.where(first)
                    .followedByAny("b").where(second)
                    .followedByAny("c").where(third)
                    .within(within);
            case KLEENE -> start.where(SimpleCondition.of(event -> event.type().equals("A")))
                    .oneOrMore()
                    .followedBy("b").where(second)
                    .within(Duration.ofMillis(Workload.KLEENE_WITHIN));
            case GREATER -> start.where(first)
                    .followedBy("b").where(second)
                    .followedBy("c").where(new Greater())
                    .within(within);
        };
    }

    private static final class Greater extends IterativeCondition<Event> {
        private static final long serialVersionUID = 1;

        @Override
        public boolean filter(Event event, Context<Event> context) throws Exception {
            return event.type().equals("C") && event.v() > context.getEventsForPattern("a").iterator().next().v();
        }
    }

    /** Conditions get a context, and none here uses it. */
    private static RuntimeContext noContext() {
        ClassLoader loader = FlinkEngine.class.getClassLoader();
        Class<?>[] interfaces = {RuntimeContext.class};
        return (RuntimeContext) Proxy.newProxyInstance(loader, interfaces, (proxy, method, arguments) -> {
            throw new UnsupportedOperationException(method.getName());
        });
    }
}
