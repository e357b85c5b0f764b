import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.gradle.api.internal.StartParameterInternal;
import org.gradle.api.logging.LogLevel;
import org.gradle.api.logging.configuration.ConsoleOutput;
import org.gradle.initialization.DefaultBuildCancellationToken;
import org.gradle.initialization.DefaultBuildRequestContext;
import org.gradle.initialization.DefaultBuildRequestMetaData;
import org.gradle.initialization.NoOpBuildEventConsumer;
import org.gradle.internal.Factory;
import org.gradle.internal.buildprocess.BuildProcessState;
import org.gradle.internal.classpath.ClassPath;
import org.gradle.internal.instrumentation.agent.AgentStatus;
import org.gradle.internal.logging.LoggingManagerInternal;
import org.gradle.internal.logging.services.LoggingServiceRegistry;
import org.gradle.internal.nativeintegration.services.NativeServices;
import org.gradle.internal.service.ServiceRegistry;
import org.gradle.launcher.exec.BuildExecutor;
import org.gradle.launcher.exec.DefaultBuildActionParameters;
import org.gradle.tooling.internal.provider.action.ExecuteBuildAction;

/**
 * Runs tasks of the build in the current folder: what the command gradle does
 * behind its arguments, which its jar in package registries lacks. Words are
 * tasks; --refresh-dependencies is the one option.
 */
public class Launcher {
    @SuppressWarnings("unchecked")
    public static void main(String[] words) throws Exception {
        File dir = new File(System.getProperty("user.dir"));
        File home = new File(System.getProperty("user.home"), ".gradle");
        List<String> tasks = new ArrayList<>(List.of(words));
        StartParameterInternal start = new StartParameterInternal();
        start.setRefreshDependencies(tasks.remove("--refresh-dependencies"));
        start.setGradleUserHomeDir(home);
        start.setCurrentDir(dir);
        start.setTaskNames(tasks);

        NativeServices.initializeOnClient(home, NativeServices.NativeServicesMode.DISABLED);
        ServiceRegistry logging = LoggingServiceRegistry.newCommandLineProcessLogging();
        LoggingManagerInternal log = ((Factory<LoggingManagerInternal>) logging.getFactory(LoggingManagerInternal.class)).create();
        log.setLevelInternal(LogLevel.LIFECYCLE);
        log.start();
        log.attachProcessConsole(ConsoleOutput.Plain);
        BuildProcessState process = new BuildProcessState(false, AgentStatus.disabled(), ClassPath.EMPTY, logging, NativeServices.getInstance());
        boolean failed = process.getServices().get(BuildExecutor.class).execute(
            new ExecuteBuildAction(start),
            new DefaultBuildActionParameters(System.getProperties(), System.getenv(), dir, LogLevel.LIFECYCLE, false, ClassPath.EMPTY),
            new DefaultBuildRequestContext(new DefaultBuildRequestMetaData(System.currentTimeMillis()), new DefaultBuildCancellationToken(), new NoOpBuildEventConsumer())
        ).hasFailure();
        log.stop();
        System.exit(failed ? 1 : 0);
    }
}
