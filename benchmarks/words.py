"""Words in six languages, real and invented, for synthetic rows."""

from numpy.random import Generator as Rng

FUNCTION = {
    "en": """the for and with of to a in is it on that you your this are as be from can by will or
        not have we our at all an if they more also very when only which their has""",
    "de": """und der die das für mit ist in den von zu auf nicht ein eine sie es auch sich bei aus
        oder an als wird werden nach durch dem des ihr ihre sind kann wie zum zur sehr mehr nur""",
    "ja": """の に を は で が と も から まで です ます など こと ため また や へ より この して
        する した できる その ある ない よう もの さらに とても ください しっかり ぴったり すべて
        それぞれ いろいろ""",
    "it": """di e il la per in un è con che una del della le i non si da alla lo sono dei più delle
        nel anche al questo come gli può tuo essere ha molto se o suo dalla quando""",
    "fr": """de la le et les des pour est un une du en que vous dans avec sur votre ne pas au plus
        par qui ce il cette aux ou sont très être vos peut sans tout nous lors leur elle""",
    "es": """de la y el en que para los con una un las del es por se no su al lo más sin como tu
        este ser son puede muy o esta todo cuando también sus si desde hay cada""",
}
SHOP = {  # the same things in the same order
    "en": """bottle lamp chair table cover cable charger battery kitchen garden bag backpack shoes
        shirt watch toy book knife pan cup pillow blanket towel curtain mirror box shelf brush soap
        cream oil tea coffee screen headphones speaker keyboard mouse camera phone holder tool
        screws hose filter bicycle tent rope dog cat baby children women men gift birthday winter
        summer home office car travel wood steel plastic glass cotton leather water light colour
        size set pieces pack quality design price warranty delivery surface handle lid new large
        small lightweight strong soft waterproof foldable portable wireless adjustable original
        modern practical robust comfortable easy washable compatible ideal hand skin hair cleaning
        storage protection use""",
    "de": """Flasche Lampe Stuhl Tisch Hülle Kabel Ladegerät Akku Küche Garten Tasche Rucksack
        Schuhe Hemd Uhr Spielzeug Buch Messer Pfanne Tasse Kissen Decke Handtuch Vorhang Spiegel
        Kiste Regal Bürste Seife Creme Öl Tee Kaffee Bildschirm Kopfhörer Lautsprecher Tastatur Maus
        Kamera Handy Halterung Werkzeug Schrauben Schlauch Filter Fahrrad Zelt Seil Hund Katze Baby
        Kinder Damen Herren Geschenk Geburtstag Winter Sommer Haushalt Büro Auto Reise Holz
        Edelstahl Kunststoff Glas Baumwolle Leder Wasser Licht Farbe Größe Set Stück Packung
        Qualität Design Preis Garantie Lieferung Oberfläche Griff Deckel neu groß klein leicht
        stark weich wasserdicht faltbar tragbar kabellos verstellbar original modern praktisch
        robust bequem einfach waschbar kompatibel ideal Hand Haut Haare Reinigung Aufbewahrung
        Schutz Verwendung""",
    "ja": """ボトル ランプ 椅子 テーブル カバー ケーブル 充電器 バッテリー キッチン ガーデン バッグ
        リュック 靴 シャツ 腕時計 おもちゃ 本 ナイフ フライパン カップ 枕 毛布 タオル カーテン 鏡
        ボックス 棚 ブラシ 石鹸 クリーム オイル お茶 コーヒー 画面 イヤホン スピーカー キーボード
        マウス カメラ スマホ ホルダー 工具 ネジ ホース フィルター 自転車 テント ロープ 犬 猫
        赤ちゃん 子供 レディース メンズ ギフト 誕生日 冬 夏 家庭 オフィス 車 旅行 木製 ステンレス
        プラスチック ガラス 綿 レザー 水 ライト 色 サイズ セット 個 パック 品質 デザイン 価格 保証
        配送 表面 ハンドル 蓋 新品 大きい 小さい 軽量 強力 柔らかい 防水 折りたたみ 携帯
        ワイヤレス 調節可能 純正 モダン 便利 頑丈 快適 簡単 洗える 対応 最適 手 肌 髪 掃除 収納 保護
        使用""",
    "it": """bottiglia lampada sedia tavolo custodia cavo caricatore batteria cucina giardino borsa
        zaino scarpe camicia orologio giocattolo libro coltello padella tazza cuscino coperta
        asciugamano tendina specchio scatola scaffale spazzola sapone crema olio tè caffè schermo
        cuffie altoparlante tastiera topolino fotocamera telefono supporto attrezzo viti tubo filtro
        bicicletta tenda corda cane gatto neonato bambini donna uomo regalo compleanno inverno
        estate casa ufficio auto viaggio legno acciaio plastica vetro cotone cuoio acqua luce colore
        taglia set pezzi confezione qualità disegno prezzo garanzia consegna superficie manico
        coperchio nuovo grande piccolo leggero forte morbido impermeabile pieghevole portatile
        senzafili regolabile originale moderno pratico robusto comodo facile lavabile compatibile
        ideale mano pelle capelli pulizia conservazione protezione utilizzo""",
    "fr": """bouteille lampe chaise table housse câble chargeur batterie cuisine jardin sac cartable
        chaussures chemise montre jouet livre couteau poêle tasse oreiller couverture serviette
        rideau miroir boîte étagère brosse savon crème huile thé café écran écouteurs enceinte
        clavier souris caméra téléphone support outil vis tuyau filtre vélo tente corde chien chat
        bébé enfants femme homme cadeau anniversaire hiver été maison bureau voiture voyage bois
        acier plastique verre coton cuir eau lumière couleur taille ensemble pièces paquet qualité
        conception prix garantie livraison surface poignée couvercle nouveau grand petit léger fort
        doux étanche pliable portable sans-fil réglable original moderne pratique robuste
        confortable facile lavable compatible idéal main peau cheveux nettoyage rangement protection
        utilisation""",
    "es": """botella lámpara silla mesa funda cable cargador batería cocina jardín bolsa mochila
        zapatos camisa reloj juguete libro cuchillo sartén taza almohada manta toalla cortina espejo
        caja estante cepillo jabón crema aceite té café pantalla auriculares altavoz teclado ratón
        cámara teléfono soporte herramienta tornillos manguera filtro bicicleta tienda cuerda perro
        gato bebé niños mujer hombre regalo cumpleaños invierno verano hogar oficina coche viaje
        madera acero plástico vidrio algodón cuero agua luz color talla juego piezas paquete calidad
        diseño precio garantía entrega superficie mango tapa nuevo grande pequeño ligero fuerte
        suave impermeable plegable portátil inalámbrico ajustable original moderno práctico
        resistente cómodo fácil lavable compatible ideal mano piel pelo limpieza almacenamiento
        protección uso""",
}
COLOURS = {
    "en": "Black White Blue Red Grey Green Pink Brown Silver Gold Purple Yellow",
    "de": "Schwarz Weiß Blau Rot Grau Grün Rosa Braun Silber Gold Lila Gelb",
    "ja": "ブラック ホワイト ブルー レッド グレー グリーン ピンク ブラウン シルバー 金 紫 黄",
    "it": "Nero Bianco Blu Rosso Grigio Verde Rosa Marrone Argento Oro Viola Giallo",
    "fr": "Noir Blanc Bleu Rouge Gris Vert Rose Marron Argent Doré Violet Jaune",
    "es": "Negro Blanco Azul Rojo Gris Verde Rosa Marrón Plata Oro Morado Amarillo",
}
MOODS = (  # English words of no mood, of reviews with one or two stars, three, four or five
    "",
    """bad broke broken cheap terrible poor return waste disappointed flimsy useless awful refund
    worst damaged wrong leaked stopped smell never""",
    """okay average decent fine but though expected adequate acceptable mediocre somewhat however
    thin basic alright bit""",
    """great love perfect excellent sturdy beautiful happy recommend amazing best nice wonderful
    pleased awesome bought works looks highly favorite exactly""",
)
VOWELS = "a e i o u".split()
ROMANCE = "b c d f g l m n p r s t v br cr dr fr gr pr tr pl bl gl fl qu sp st sc".split()
KATAKANA = list("アイウエオカキクケコサシスセソタチツテトナニヌネハヒフヘホマミムメモラリルレロワ")
SHAPES = {  # of invented words: parts that follow each other
    "en": ["b br c ch cr d dr f fl g gr h j k l m n p pl pr qu r s sh sl sp st t tr v w".split(),
           [*VOWELS, "ie", "ea", "oo"], "n r l s t ck nd rt st m p ng d b".split(),
           "er ing y le et an on ow ish ty ar el in or ex en al ed ole ine ate ock".split()],
    "de": ["b br d dr f fl g gr h k kl kr l m n p pf r s sch st str t w z zw".split(),
           [*VOWELS, "ei", "au", "ie", "ä", "ö", "ü"], "ch ck ld ll nd ng nk r rt s st tz".split(),
           "el er en ung heit chen lich ig keit er el ner stoff mal zeug werk halter".split()],
    "it": [ROMANCE, [*VOWELS, "ia", "io"], "ll tt zz n r l st cc gn gli nt".split(),
           "ello etta one ina ata ato ano ezza ino ione ale iera oso ante ico ella ore".split()],
    "fr": [ROMANCE, [*VOWELS, "é", "ou", "oi", "eau"], "n r l ss t ch ll v gn qu nt".split(),
           "age ette eur ement ique oir ier ière elle eux ée ain ance on ais euse al".split()],
    "es": [ROMANCE, [*VOWELS, "ie", "ue"], "n r l s t ch ll rr ñ nd z".split(),
           "ada ado ción dad illo ita ero era oso ante ura ez ista al ino ería ón".split()],
    "ja": [KATAKANA, [*KATAKANA, "ン", "ー", "ッ"], KATAKANA, ["", "ー", "ン", "ス", "ト"]],
}  # fmt: skip


def invent(rng: Rng, language: str, count: int) -> list[str]:
    """Invent distinct words."""
    made = zip(*(rng.choice(part, 4 * count) for part in SHAPES[language]), strict=True)
    words = list(dict.fromkeys("".join(word) for word in made))[:count]
    if len(words) < count:
        raise ValueError(f"{language} has no {count} words")
    return words
