# mvn, 3.8.7 here: what a developer does with artefacts of their own and with those from outside.
# SEED is where e2e/maven/install-clients.sh has put the plugins.
cp -r "$SEED" repository
find repository -name _remote.repositories -delete
cat >settings.xml <<END
<settings><localRepository>$HOME/repository</localRepository>
<servers><server><id>it</id><username>aws</username><password>$TOKEN</password></server></servers>
<mirrors><mirror><id>it</id><mirrorOf>*</mirrorOf><url>$REGISTRY</url></mirror></mirrors>
<profiles><profile><id>it</id><repositories><repository><id>it</id><url>$REGISTRY</url><snapshots><enabled>true</enabled></snapshots></repository></repositories></profile></profiles>
<activeProfiles><activeProfile>it</activeProfile></activeProfiles><pluginGroups><pluginGroup>org.far</pluginGroup></pluginGroups></settings>
END
run() { "$CLIENT" -B -q -s "$HOME/settings.xml" "$@"; }
deploy() { run org.apache.maven.plugins:maven-deploy-plugin:3.1.2:deploy-file -DrepositoryId=it -Durl="$REGISTRY" "$@"; }
deploy -Dfile=gear.jar -DpomFile=gear-1.0.pom -Dsources=gear-sources.jar
deploy -Dfile=gear.jar -DpomFile=gear-1.0.pom -Dsources=gear-sources.jar
! deploy -Dfile=other.jar -DpomFile=gear-1.0.pom
deploy -Dfile=gear.jar -DpomFile=gear-1.1-SNAPSHOT.pom
deploy -Dfile=other.jar -DpomFile=gear-1.1-SNAPSHOT.pom -DgeneratePom=false
rm -rf repository/com/acme
mkdir app
cat >app/pom.xml <<END
<project><modelVersion>4.0.0</modelVersion><groupId>com.acme</groupId><artifactId>app</artifactId><version>1</version>
<build><pluginManagement><plugins><plugin><artifactId>maven-resources-plugin</artifactId><version>3.3.1</version></plugin>
<plugin><artifactId>maven-compiler-plugin</artifactId><version>3.13.0</version></plugin></plugins></pluginManagement></build>
<dependencies>
<dependency><groupId>com.acme</groupId><artifactId>gear</artifactId><version>1.0</version></dependency>
<dependency><groupId>com.acme</groupId><artifactId>gear</artifactId><version>1.0</version><classifier>sources</classifier></dependency>
<dependency><groupId>org.far</groupId><artifactId>lib</artifactId><version>[1.0,2.0)</version></dependency>
</dependencies></project>
END
cd app
run compile
sed -i 's/>gear<.artifactId><version>1.0</>gear<\/artifactId><version>1.1-SNAPSHOT</; />sources</d' pom.xml
run compile
