# Gradle 8.11.1: a library is published as a release and as a snapshot, and used by its module metadata.
mkdir lib app
export GRADLE_OPTS="-Duser.home=$HOME"
echo "rootProject.name = 'wheel'" >lib/settings.gradle
cat >lib/build.gradle <<END
plugins { id 'java-library'; id 'maven-publish' }
group = 'com.acme'
version = new File(rootDir, 'version').text.trim()
java { withSourcesJar() }
publishing {
    publications { library(MavenPublication) { from components.java } }
    repositories { maven { url = '$REGISTRY'; allowInsecureProtocol = true; credentials { username = 'aws'; password = '$TOKEN' } } }
}
END
cd lib
echo 1.0 >version
$CLIENT publish
echo 1.1-SNAPSHOT >version
$CLIENT publish
cd ../app
cat >settings.gradle <<END
dependencyResolutionManagement { repositories { maven { url = '$REGISTRY'; allowInsecureProtocol = true; credentials { username = 'aws'; password = '$TOKEN' } } } }
END
cat >build.gradle <<END
plugins { id 'java-library' }
dependencies { api 'com.acme:wheel:1.0'; api 'org.far:lib:1.+'; implementation 'org.far:lib' }
configurations { snapshots }
dependencies { snapshots 'com.acme:wheel:1.1-SNAPSHOT' }
tasks.register('fetch') { def a = configurations.compileClasspath; def b = configurations.snapshots; doLast { println a.files; println b.files } }
END
$CLIENT fetch
